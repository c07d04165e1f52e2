"""From the entries of a saga to its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.state import SagaState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.journal.entries import Entry


def fold(saga_id: str, entries: Iterable[Entry]) -> SagaState:
    """The state to which the entries lead."""
    state = SagaState(saga_id)
    for entry in entries:
        entry.apply(state)
    return state
