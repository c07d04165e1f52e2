"""Worlds of the sagas that are simulated by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.definition.saga import definitions_in
from orchestrator.shop import place_order
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.simulation import example_sagas, sagas_under_test, simulate

if TYPE_CHECKING:
    from orchestrator.testing.simulation import Outcome

SAGAS: Final = sagas_under_test(definitions_in([place_order, example_sagas]), varies_contracts=True)


def world(seed: int) -> Outcome:
    """What becomes of the world of this seed."""
    return simulate(seed, MemoryJournal, SAGAS)
