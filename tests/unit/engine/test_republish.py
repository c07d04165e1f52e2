"""What ended just before a crash is told to the observer once more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from unittest.mock import patch

from orchestrator.engine.replica.upkeep.republish import ALL_IS_TOLD, HELD_BACK_SECONDS, Republishing
from orchestrator.errors import JournalUnavailable
from orchestrator.journal.entries import SagaCompleted
from orchestrator.journal.state import Status
from orchestrator.store.memory.journal import MemoryJournal
from tests.support.engine_world import turns, until
from tests.support.journals import AT, Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.catalogue import SagaFilter, SagaRecord

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
LEASE = 15


class Told:
    """An observer that remembers of which sagas it was told, and how many entries."""

    def __init__(self) -> None:
        self.sagas: dict[str, int] = {}
        self.holds_back = True
        self.told_before = 0

    def samples(self, saga_id: str, traceparent: str) -> bool:
        raise AssertionError("no saga starts here", saga_id, traceparent)

    def journalled(self, state: SagaState, entries: Sequence[Entry]) -> None:
        raise AssertionError("no saga goes on here", state, entries)

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:  # noqa: ARG002 - the port's
        self.sagas[saga_id] = len(entries)

    async def passed_on(self, seconds: float) -> None:
        raise AssertionError("nobody waits for it", seconds)


class Unavailable(MemoryJournal):
    async def search(
        self, where: SagaFilter, limit: int, page_token: str, *, oldest_first: bool = False
    ) -> tuple[list[SagaRecord], str]:
        raise JournalUnavailable("away", where, limit, page_token, oldest_first)


async def ended(journal: MemoryJournal, saga_id: str, ended_at: int) -> None:
    writer = Writing(journal, saga_id)
    await writer.start()
    await writer.write(SagaCompleted(ended_at, b""), status=Status.COMPLETED, ended_at=ended_at)


class Now:
    """A clock that stands; what sleeps on it goes on when the test says so."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.woken = asyncio.Event()

    def now(self) -> int:
        return AT + 10 * MINUTE

    def elapsed(self) -> int:
        return AT

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.woken.wait()

    def call_after(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        raise AssertionError("nothing is to be called later", seconds, callback)


def retelling(journal: MemoryJournal, told: Told, clock: Now | None = None) -> Republishing:
    return Republishing(journal, told, clock or Now(), owner="following", lease=LEASE)


async def crashed(journal: MemoryJournal, owner: str = "crashed", last_beat: int = AT + 9 * MINUTE) -> None:
    with patch.object(journal, "_now", lambda: last_beat):
        await journal.heartbeat(owner, LEASE * SECOND)


async def test_a_crashed_replica_is_told_again_what_ended_in_its_last_moments() -> None:
    journal, told = MemoryJournal(Now().now), Told()
    await crashed(journal)
    await ended(journal, "long ago", AT)
    await ended(journal, "shortly before", AT + 9 * MINUTE - MINUTE // 4)
    await ended(journal, "last", AT + 9 * MINUTE)
    assert await retelling(journal, told).open() == 2
    assert told.sagas == {"last": 2, "shortly before": 2}
    assert told.told_before == AT + 9 * MINUTE - HELD_BACK_SECONDS * SECOND


async def test_what_was_suspended_in_the_last_moments_is_told_again_and_what_goes_on_is_not() -> None:
    journal, told = MemoryJournal(Now().now), Told()
    await crashed(journal, last_beat=AT)
    await Writing(journal, "running").start()
    suspended = Writing(journal, "suspended")
    await suspended.start()
    await suspended.suspend()
    assert await retelling(journal, told).open() == 1
    assert told.sagas == {"suspended": 2}


async def test_what_was_suspended_long_before_the_crash_is_not_told_again() -> None:
    journal, told = MemoryJournal(Now().now), Told()
    await crashed(journal)
    suspended = Writing(journal, "suspended")
    await suspended.start()
    await suspended.suspend()
    assert await retelling(journal, told).open() == 0
    assert not told.sagas


async def test_nothing_is_told_again_after_a_drain() -> None:
    journal, told = MemoryJournal(Now().now), Told()
    await ended(journal, "last", AT + 9 * MINUTE)
    before = retelling(journal, Told())
    await before.open()
    await crashed(journal, "following")
    await journal.release("following")
    await before.close(passed_on=True)
    assert await retelling(journal, told).open() == 0
    assert told.told_before == ALL_IS_TOLD


async def test_a_drain_that_could_not_pass_on_everything_counts_as_a_crash() -> None:
    journal, told = MemoryJournal(Now().now), Told()
    await ended(journal, "last", AT + 9 * MINUTE)
    await crashed(journal, "following")
    await journal.release("following")
    await retelling(journal, Told()).close(passed_on=False)
    assert await retelling(journal, told).open() == 1


async def test_a_crashed_replica_is_forgotten_once_what_was_retold_has_had_time_to_leave() -> None:
    clock = Now()
    journal = MemoryJournal(clock.now)
    await crashed(journal)
    following = retelling(journal, Told(), clock)
    await following.open()
    await until(lambda: clock.slept == [HELD_BACK_SECONDS])
    assert await journal.silent()
    clock.woken.set()
    await turns()
    assert not await journal.silent()


async def test_a_crash_soon_after_a_crash_tells_the_last_moments_of_both() -> None:
    journal, told = MemoryJournal(Now().now), Told()
    await crashed(journal)
    await ended(journal, "last", AT + 9 * MINUTE)
    await retelling(journal, Told()).open()
    await crashed(journal, "following", AT + 9 * MINUTE + MINUTE // 2)
    assert await retelling(journal, told).open() == 1


async def test_an_observer_that_holds_nothing_back_needs_no_retelling() -> None:
    journal, told = MemoryJournal(Now().now), Told()
    told.holds_back = False
    await crashed(journal)
    await ended(journal, "last", AT + 9 * MINUTE)
    assert await retelling(journal, told).open() == 0
    assert not await journal.silent()


async def test_a_journal_that_fails_is_no_reason_not_to_start(caplog: pytest.LogCaptureFixture) -> None:
    told, journal = Told(), Unavailable(Now().now)
    await crashed(journal)
    assert await retelling(journal, told).open() == 0
    assert not told.sagas
    assert "may be incomplete" in caplog.text
