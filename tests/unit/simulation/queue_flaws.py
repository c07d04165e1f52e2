"""Flaws of the queue, each found by the simulator: a queued saga that is begun twice, or forgotten on the way.

They are mistakes that a queue in a store invites: to claim and not to take out, to take out and not to claim, to count
on the answer.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from orchestrator.engine.replica.advancing.claimed_sagas import ClaimedSagas
from orchestrator.engine.replica.claiming.recovery import Recovery
from orchestrator.journal.entries import SagaRecovered
from orchestrator.journal.state import Status
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.simulation import Promise
from tests.unit.simulation.engine_flaws import EngineFlaw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.engine.run.executor import Executor
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.claims import Claim, Served
    from orchestrator.store.memory.claims import Kept


def _claiming(spoil: Callable[[Kept, int], None]) -> contextlib.AbstractContextManager[object]:
    """The same claim; afterwards each saga that was claimed is spoilt, who is told the turn that it had."""
    claim = MemoryJournal.claim_queued

    async def flawed(
        self: MemoryJournal, owner: str, wanted: Mapping[str, int], served: Served | None = None
    ) -> list[Claim]:
        turns = {saga_id: kept.record.turn_at or 0 for saga_id, kept in self._sagas.items()}
        claims = await claim(self, owner, wanted, served)
        for each in claims:
            spoil(self._sagas[each.saga_id], turns[each.saga_id])
        return claims

    return patch.object(MemoryJournal, "claim_queued", flawed)


@contextlib.contextmanager
def a_queued_saga_is_claimed_twice() -> Iterator[None]:
    """It stays in the queue until its first entry is written, although a replica has claimed it."""

    def stay(kept: Kept, turn_at: int) -> None:
        kept.record = replace(kept.record, status=Status.WAITING, turn_at=turn_at)

    with _claiming(stay):
        yield


@contextlib.contextmanager
def a_queued_saga_is_forgotten_at_a_hand_over() -> Iterator[None]:
    """It leaves the queue, and is not running before its first entry is written: until then nobody would recover it."""

    def vanish(kept: Kept, _turn_at: int) -> None:
        kept.record = replace(kept.record, status=Status.WAITING)

    with _claiming(vanish):
        yield


@contextlib.contextmanager
def a_lost_answer_of_the_queue_is_not_looked_after() -> Iterator[None]:
    """A replica does not ask for the sagas that it has claimed without hearing of it."""
    with patch.object(Recovery, "doubt", lambda _self: None):
        yield


@contextlib.contextmanager
def a_begun_saga_is_taken_for_a_recovered_one() -> Iterator[None]:
    """Recovery does not look whether the saga had its turn when its replica died."""

    def recover(self: ClaimedSagas, claim: Claim, entries: Sequence[Entry], state: SagaState) -> Executor:
        return self.recover(claim, entries, state, going_on=[SagaRecovered(self._adapters.clock.now(), self._owner)])

    with patch.object(ClaimedSagas, "recover_unasked", recover):
        yield


QUEUE_FLAWS: Final = (
    EngineFlaw(a_queued_saga_is_claimed_twice, frozenset({Promise.ONE_OWNER})),
    # It is shown as one that is parked; so it is lost, or claimed again as such a one.
    EngineFlaw(a_queued_saga_is_forgotten_at_a_hand_over, frozenset({Promise.NOTHING_IS_LOST, Promise.ONE_OWNER})),
    EngineFlaw(a_lost_answer_of_the_queue_is_not_looked_after, frozenset({Promise.NOTHING_IS_LOST})),
    EngineFlaw(a_begun_saga_is_taken_for_a_recovered_one, frozenset({Promise.NOTHING_IS_LOST})),
)
