"""Due sagas are woken in the order of their time, in time, and never so many at once that new ones have to wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.replica.claiming import timers
from orchestrator.engine.replica.claiming.timers import MOST_IN_HAND, Timers
from orchestrator.errors import JournalUnavailable
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.world.clock import JumpingClock
from tests.support.engine_world import turns, until
from tests.support.journals import Writing, recovered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.ports.claims import Claim, DueClaims, Served

SECOND = 1_000_000_000
LEASE = 60.0
PAUSE = 20.0


class Replica:
    """One whose sagas go on until the test stops them.

    Attributes:
        woken: the claims of those that were recovered, in that order.
        live: those that have not been stopped, by id.
    """

    def __init__(self) -> None:
        self.clock = JumpingClock()
        self.clock.hold_from = 0.0
        self.journal = MemoryJournal(self.clock.now)
        self.woken: list[Claim] = []
        self.live: dict[str, asyncio.Future[None]] = {}
        self.timers = Timers(
            self.journal,
            self.clock,
            owner="b",
            served=None,
            live=self.live,
            lease=LEASE,
            longest_pause=PAUSE,
            recover=self.recover,
        )
        self._run: asyncio.Task[None] | None = None

    async def recover(self, claim: Claim) -> asyncio.Future[None]:
        """Note that the saga was woken, as the first append under the claim does."""
        self.woken.append(claim)
        stopped = self.live[claim.saga_id] = asyncio.get_running_loop().create_future()
        await Writing(self.journal, claim.saga_id, "b", claim.token, 2).write(recovered(9))
        return stopped

    def stop(self, *saga_ids: str) -> None:
        """These are advanced no more."""
        for saga_id in saga_ids:
            self.live.pop(saga_id).set_result(None)

    async def park(self, number: int, in_seconds: float) -> None:
        """A saga that is due in so many seconds."""
        writer = Writing(self.journal, f"saga-{number}")
        await writer.start()
        await writer.park(self.clock.time + int(in_seconds * SECOND))

    async def begin(self) -> None:
        """Look for due sagas, and rest until time passes."""
        await self.journal.heartbeat("b", 10**15)
        self._run = asyncio.ensure_future(self.timers.run())
        await turns()

    def end(self) -> None:
        """Look for none any more."""
        if self._run is not None:
            self._run.cancel()

    async def let_pass(self, seconds: float) -> None:
        """Let time pass, and the replica do what it does then."""
        self.clock.advance(seconds)
        await turns()

    @property
    def ids(self) -> list[str]:
        """Of those that were woken, in that order."""
        return [claim.saga_id for claim in self.woken]


@pytest.fixture
async def replica() -> AsyncIterator[Replica]:
    replica = Replica()
    yield replica
    replica.end()


async def test_a_parked_saga_is_woken_when_it_is_due_and_not_before(replica: Replica) -> None:
    await replica.park(1, 5.0)
    await replica.begin()
    await replica.let_pass(4.9)
    assert not replica.woken

    await replica.let_pass(0.2)
    assert [(claim.saga_id, claim.due) for claim in replica.woken] == [("saga-1", True)]


async def test_sagas_that_are_due_at_once_are_woken_in_the_order_of_their_time(replica: Replica) -> None:
    for number in (3, 1, 2):
        await replica.park(number, -10.0 + number)
    await replica.begin()

    assert replica.ids == ["saga-1", "saga-2", "saga-3"]


async def test_a_replica_that_parks_a_saga_need_not_wait_for_its_next_look(replica: Replica) -> None:
    await replica.begin()
    await replica.park(1, 3.0)
    replica.timers.hurry()
    await turns()
    await replica.let_pass(3.1)

    assert replica.ids == ["saga-1"]


async def test_what_another_replica_has_parked_is_found_after_a_pause(replica: Replica) -> None:
    await replica.begin()
    await replica.park(1, 3.0)
    await replica.let_pass(PAUSE - 0.1)
    assert not replica.woken

    await replica.let_pass(0.2)
    assert replica.ids == ["saga-1"]


async def test_no_more_are_in_hand_at_once_than_leave_room_for_new_sagas(replica: Replica) -> None:
    for number in range(3 * MOST_IN_HAND):
        await replica.park(number, -1000.0 + number)
    await replica.begin()
    assert len(replica.woken) == MOST_IN_HAND

    replica.stop(*replica.ids[: MOST_IN_HAND // 4])
    await turns()
    assert len(replica.woken) == MOST_IN_HAND, "one query for a few sagas costs as much as one for many"
    replica.stop(*replica.ids[MOST_IN_HAND // 4 : MOST_IN_HAND // 2])
    await turns()
    assert len(replica.woken) == MOST_IN_HAND * 3 // 2
    assert replica.ids == [f"saga-{number}" for number in range(MOST_IN_HAND * 3 // 2)]


async def test_sagas_that_wait_for_their_participants_do_not_keep_the_timers_of_others_waiting(
    replica: Replica,
) -> None:
    for number in range(2 * MOST_IN_HAND):
        await replica.park(number, -1000.0 + number)
    await replica.begin()
    await replica.let_pass(0.2)

    assert len(replica.woken) == 2 * MOST_IN_HAND
    assert len(replica.live) == 2 * MOST_IN_HAND


async def test_where_the_loop_is_busy_a_turn_lasts_longer_and_not_for_ever(replica: Replica) -> None:
    replica.timers.load = lambda: 1.0
    for number in range(2 * MOST_IN_HAND):
        await replica.park(number, -1000.0 + number)
    await replica.begin()
    await replica.let_pass(0.2)
    await replica.let_pass(1.5)
    assert len(replica.woken) == MOST_IN_HAND

    await replica.let_pass(0.5)
    assert len(replica.woken) == 2 * MOST_IN_HAND


async def test_a_replica_that_advances_as_many_sagas_as_it_may_wakes_none(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    replica.timers.most_live = 2
    for number in range(3):
        await replica.park(number, -10.0 + number)
    await replica.begin()
    await replica.let_pass(PAUSE)
    assert replica.ids == ["saga-0", "saga-1"]
    assert len([record for record in caplog.records if "timers wait" in record.message]) == 1

    replica.stop("saga-0")
    await replica.let_pass(PAUSE)
    assert replica.ids == ["saga-0", "saga-1", "saga-2"]


async def test_a_due_saga_whose_claim_was_answered_by_a_broken_connection_is_woken_at_the_next_look(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_due = replica.journal.claim_due

    async def lost(owner: str, limit: int, served: Served | None = None, *, anew: bool = False) -> DueClaims:
        monkeypatch.undo()
        await claim_due(owner, limit, served, anew=anew)
        raise JournalUnavailable("the connection broke")

    await replica.begin()
    monkeypatch.setattr(replica.journal, "claim_due", lost)
    await replica.park(1, -1.0)
    await replica.let_pass(PAUSE)
    assert not replica.woken

    await replica.let_pass(PAUSE)
    assert replica.ids == ["saga-1"]


async def test_a_saga_that_an_act_has_claimed_in_vain_is_woken_within_a_lease_of_its_time(replica: Replica) -> None:
    await replica.begin()
    await replica.park(1, 1.0)
    assert await replica.journal.claim_resting("b", "saga-1")
    await replica.let_pass(PAUSE)
    assert not replica.woken

    for _ in range(int(LEASE / PAUSE)):
        await replica.let_pass(PAUSE)
    assert replica.ids == ["saga-1"]


async def test_a_hundred_timers_within_a_moment_cost_one_query(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_due, asked = replica.journal.claim_due, []

    async def counted(owner: str, limit: int, served: Served | None = None, *, anew: bool = False) -> DueClaims:
        asked.append(limit)
        return await claim_due(owner, limit, served, anew=anew)

    for number in range(MOST_IN_HAND - 1):
        await replica.park(number, 10.0 + number * 0.0001)
    await replica.begin()
    monkeypatch.setattr(replica.journal, "claim_due", counted)
    await replica.let_pass(10.0 + timers._SHORTEST_SECONDS)

    await until(lambda: len(replica.woken) == MOST_IN_HAND - 1)
    assert len(asked) <= 2
