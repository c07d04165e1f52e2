"""What a schedule comes to when it is due: one answer for each instant, by its policies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.engine.schedules.turn import RECENT, fired, request_id_of, taken, upcoming
from orchestrator.journal.actor import Actor
from orchestrator.ports.schedules import Firing, Missed, Overlap, PastStart, Pause, StartOutcome
from tests.support.schedules import HOUR, HOURLY, MINUTE

if TYPE_CHECKING:
    from orchestrator.ports.schedules import Schedule

NOON = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
SECOND = 1_000_000_000


def hourly(**changes: Any) -> Schedule:  # noqa: ANN401 - any field
    return replace(HOURLY, **{"next_at": NOON, **changes})


def start_of(schedule: Schedule, instant: int) -> Firing:
    return Firing(instant, request_id_of(schedule.uid, instant))


def run_until(schedule: Schedule, now: int, running: tuple[str, ...] = ()) -> Schedule:
    """Take it, and start what is decided, until nothing is due any more."""
    while schedule.due_at is not None and schedule.due_at <= now:
        schedule = taken(schedule, now, running)
        for firing in schedule.firing:
            past = PastStart(firing.instant, StartOutcome.STARTED, now, f"saga-{firing.instant}")
            schedule = fired(schedule, firing, past)
    return schedule


def answers(schedule: Schedule) -> list[tuple[StartOutcome, float]]:
    """What became of the instants, in hours from noon."""
    return [(past.outcome, (past.instant - NOON) / HOUR) for past in schedule.recent]


def test_a_due_instant_is_decided_and_the_schedule_stays_at_it_until_the_start_is_durable() -> None:
    decided = taken(hourly(), NOON + SECOND, ())
    assert decided.firing == (start_of(decided, NOON),)
    assert decided.next_at == NOON
    assert decided.due_at == NOON + 6 * SECOND, "until then it is left to the replica that has decided"

    done = fired(decided, decided.firing[0], PastStart(NOON, StartOutcome.STARTED, NOON, "saga-1"))
    assert (done.firing, done.next_at, done.due_at, done.running) == ((), NOON + HOUR, NOON + HOUR, ("saga-1",))


def test_a_decision_that_its_replica_left_is_taken_again_as_it_is() -> None:
    decided = taken(hourly(), NOON + SECOND, ())
    again = taken(decided, NOON + HOUR, ("saga-0",))

    assert again == replace(decided, not_before=NOON + HOUR + 5 * SECOND)


def test_a_request_id_follows_from_the_schedule_and_the_instant() -> None:
    one = request_id_of(HOURLY.uid, NOON)
    assert one == request_id_of(HOURLY.uid, NOON)
    assert len({one, request_id_of(HOURLY.uid, NOON + 1), request_id_of(str(HOURLY.uid)[:-1] + "2", NOON)}) == 3


def test_an_instant_at_which_the_last_saga_runs_is_skipped() -> None:
    schedule = run_until(hourly(running=("saga-0",)), NOON + SECOND, ("saga-0",))

    assert answers(schedule) == [(StartOutcome.STILL_RUNNING, 0)]
    assert schedule.recent[0].message == "saga-0 still runs"
    assert (schedule.next_at, schedule.running) == (NOON + HOUR, ("saga-0",))


def test_a_saga_that_has_ended_is_forgotten() -> None:
    assert taken(hourly(running=("saga-0",)), NOON, ()).running == ()


def test_one_instant_is_buffered_until_the_last_saga_has_ended_and_those_after_it_are_skipped() -> None:
    schedule = hourly(overlap=Overlap.BUFFER_ONE, running=("saga-0",))
    buffered = taken(schedule, NOON + SECOND, ("saga-0",))
    assert (buffered.buffered, buffered.next_at, buffered.firing) == (NOON, NOON + HOUR, ())
    later = taken(buffered, NOON + HOUR, ("saga-0",))
    assert (later.buffered, answers(later)) == (NOON, [(StartOutcome.STILL_RUNNING, 1)])

    ended = run_until(later, NOON + HOUR + MINUTE)
    assert answers(ended) == [(StartOutcome.STILL_RUNNING, 1), (StartOutcome.STARTED, 0)]
    assert (ended.buffered, ended.next_at) == (None, NOON + 2 * HOUR)


def test_sagas_may_run_side_by_side_where_the_policy_allows_it() -> None:
    schedule = hourly(overlap=Overlap.ALLOW_ALL, missed=Missed.RUN_ALL)
    schedule = run_until(schedule, NOON + 3 * HOUR)

    assert answers(schedule) == [(StartOutcome.STARTED, hour) for hour in range(4)]
    assert schedule.running == ()


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        (Missed.SKIP, [(StartOutcome.MISSED, 0)]),
        (Missed.RUN_LAST, [(StartOutcome.MISSED, 0), (StartOutcome.STARTED, 8)]),
        (Missed.RUN_ALL, [(StartOutcome.MISSED, 0), *((StartOutcome.STARTED, hour) for hour in (6, 7, 8))]),
    ],
)
def test_instants_that_no_replica_started_in_time_are_treated_as_the_policy_says(
    missed: Missed, expected: list[tuple[StartOutcome, float]]
) -> None:
    schedule = hourly(missed=missed, missed_limit=3, overlap=Overlap.ALLOW_ALL)
    schedule = run_until(schedule, NOON + 8 * HOUR + 2 * MINUTE)

    assert answers(schedule) == expected
    assert schedule.next_at == NOON + 9 * HOUR


def test_an_instant_within_its_window_is_not_missed() -> None:
    late = run_until(hourly(missed=Missed.SKIP), NOON + MINUTE)
    assert answers(late) == [(StartOutcome.STARTED, 0)]

    too_late = run_until(hourly(missed=Missed.SKIP), NOON + MINUTE + 1)
    assert answers(too_late) == [(StartOutcome.MISSED, 0)]


@pytest.mark.parametrize(
    ("missed", "outcome"),
    [
        (Missed.SKIP, StartOutcome.MISSED),
        (Missed.RUN_LAST, StartOutcome.STARTED),
        (Missed.RUN_ALL, StartOutcome.STARTED),
    ],
)
def test_the_only_instant_of_a_schedule_is_the_last_one_too(missed: Missed, outcome: StartOutcome) -> None:
    schedule = run_until(hourly(cron="", at=NOON, missed=missed), NOON + HOUR)

    assert answers(schedule) == [(outcome, 0)]
    assert (schedule.next_at, schedule.due_at) == (None, None)


def test_a_start_by_hand_leaves_the_next_instant_where_it_is() -> None:
    by_hand = Firing(NOON - HOUR, "request", Actor("ada"))
    schedule = hourly(firing=(by_hand,), pause=Pause(1, "wait", Actor("ada")))
    assert schedule.due_at == 0
    done = run_until(schedule, NOON - HOUR)

    assert (done.next_at, answers(done), done.due_at) == (NOON, [(StartOutcome.STARTED, -1)], None)


def test_what_became_of_instants_is_remembered_of_the_latest() -> None:
    schedule = hourly(overlap=Overlap.ALLOW_ALL, missed=Missed.RUN_ALL, missed_limit=100)
    schedule = run_until(schedule, NOON + 20 * HOUR)

    assert answers(schedule) == [(StartOutcome.STARTED, hour) for hour in range(21)][-RECENT:]


def test_the_instants_to_come_are_those_of_the_timetable_and_none_in_a_pause() -> None:
    assert upcoming(hourly(), 3) == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    assert upcoming(hourly(cron="", at=NOON), 3) == [NOON]
    assert upcoming(hourly(pause=Pause(1, "wait", Actor("ada"))), 3) == []
