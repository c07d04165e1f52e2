"""Compares what participants do with what was done before it, while they do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.testing.mock import EffectLedger
from orchestrator.testing.simulation.observed_saga import goes_on_without, started_after
from orchestrator.testing.simulation.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.journal.state import SagaState
    from orchestrator.testing.mock import LedgerEntry
    from orchestrator.testing.simulation.observed_saga import ObservedSaga


class EffectCheck:
    """What the participants of one world do.

    Args:
        sagas: what is durable, by saga.
        places: the saga and the key within it, by the idempotency key of what was sent.
        report: told of every promise that was broken.

    Attributes:
        ledger: what the participants have done.
    """

    def __init__(
        self,
        sagas: Mapping[str, ObservedSaga],
        places: Mapping[str, tuple[str, str]],
        report: Callable[[Promise, str], None],
    ) -> None:
        self.ledger = EffectLedger(self._effect_changed)
        self._sagas = sagas
        self._places = places
        self._report = report

    def applied(self, state: SagaState, key: str) -> bool:
        """Whether what was sent under this key of a saga took effect, once or more."""
        entry = self.ledger.of(f"{state.saga_id}/{key}")
        return entry is not None and entry.applied > 0

    def balance(self, state: SagaState, key: str) -> int:
        """How many effects stand of what was sent under this key of a saga."""
        entry = self.ledger.of(f"{state.saga_id}/{key}")
        return entry.balance if entry is not None else 0

    def _effect_changed(self, what: str, entry: LedgerEntry) -> None:
        """A participant has done something."""
        if what not in {"applied", "compensated"}:
            return
        saga_id, key = self._places[entry.key]
        known = self._sagas.get(saga_id)
        if known is None:
            return
        if what == "applied" and (entry.applied > 1 or entry.kept_out):
            self._report(Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, f"{entry.key} took effect twice, or after its undoing")
        if what == "compensated" and key in known.state.commands and not goes_on_without(known.state, key):
            for later in started_after(known.state, key):
                if self.balance(known.state, later.key) and not later.skipped:
                    self._report(
                        Promise.IN_REVERSE_ORDER, f"{entry.key} was compensated before {later.key}, which stands"
                    )
