"""The time by the journal's clock is never taken to be later than it is, however the replica's own clock is set."""

from __future__ import annotations

from orchestrator.engine.run.journal_time import JournalTime
from orchestrator.testing.world.clock import JumpingClock

SECOND = 1_000_000_000


class SetClock(JumpingClock):
    """One that somebody sets; what has elapsed, it counts all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.set_by = 0

    def now(self) -> int:
        return super().now() + self.set_by


def test_a_clock_that_is_set_forward_between_two_heartbeats_makes_no_timer_early() -> None:
    clock = SetClock()
    time = JournalTime(clock)
    time.note(1_000 * SECOND)

    clock.set_by = 3_600 * SECOND
    clock.advance(10)

    assert 1_009 * SECOND < time.now() <= 1_010 * SECOND


def test_a_clock_that_is_set_back_makes_no_timer_late() -> None:
    clock = SetClock()
    time = JournalTime(clock)
    time.note(1_000 * SECOND)

    clock.set_by = -3_600 * SECOND
    clock.advance(10)

    assert 1_009 * SECOND < time.now() <= 1_010 * SECOND


def test_a_journal_whose_clock_is_set_back_is_believed() -> None:
    clock = JumpingClock()
    time = JournalTime(clock)
    time.note(1_000 * SECOND)
    clock.advance(10)

    time.note(900 * SECOND)

    assert time.now() <= 900 * SECOND


def test_before_the_first_heartbeat_it_is_the_time_of_the_replicas_own_clock() -> None:
    clock = JumpingClock()

    assert abs(JournalTime(clock).now() - clock.now()) < SECOND


async def test_a_sleep_lasts_until_its_instant_by_the_journals_clock() -> None:
    clock = JumpingClock()
    time = JournalTime(clock)
    time.note(1_000 * SECOND)

    await time.sleep_until(1_005 * SECOND)

    assert time.now() >= 1_005 * SECOND
    assert clock.slept
