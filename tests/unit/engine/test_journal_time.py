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
    time.note(1_000 * SECOND, clock.elapsed())

    clock.set_by = 3_600 * SECOND
    clock.advance(10)

    assert 1_009 * SECOND < time.now() <= 1_010 * SECOND


def test_a_clock_that_is_set_back_makes_no_timer_late() -> None:
    clock = SetClock()
    time = JournalTime(clock)
    time.note(1_000 * SECOND, clock.elapsed())

    clock.set_by = -3_600 * SECOND
    clock.advance(10)

    assert 1_009 * SECOND < time.now() <= 1_010 * SECOND


def test_a_journal_whose_clock_is_set_back_is_believed() -> None:
    clock = JumpingClock()
    time = JournalTime(clock)
    time.note(1_000 * SECOND, clock.elapsed())
    clock.advance(10)

    time.note(900 * SECOND, clock.elapsed())

    assert time.now() <= 900 * SECOND


def test_before_the_first_heartbeat_it_is_the_time_of_the_replicas_own_clock() -> None:
    clock = JumpingClock()

    assert abs(JournalTime(clock).now() - clock.now()) < SECOND


def test_a_span_has_passed_at_its_end_however_late_the_heartbeat_before_it_was_answered() -> None:
    clock = JumpingClock()
    time = JournalTime(clock)
    asked_at = clock.elapsed()
    clock.advance(2)  # the journal's clock had shown it two seconds before its answer came, at the most
    time.note(1_000 * SECOND, asked_at)

    ends_at = time.after(SECOND)
    clock.advance(0.5)
    time.note(1_002 * SECOND + SECOND // 2, clock.elapsed())  # this one is answered at once

    assert time.now() < ends_at
    clock.advance(0.5)
    assert abs(time.now() - ends_at) < SECOND // 100


async def test_a_sleep_lasts_until_its_instant_by_the_journals_clock() -> None:
    clock = JumpingClock()
    time = JournalTime(clock)
    time.note(1_000 * SECOND, clock.elapsed())

    await time.sleep_until(1_005 * SECOND)

    assert time.now() >= 1_005 * SECOND
    assert clock.slept
