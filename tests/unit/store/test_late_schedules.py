"""What is found of schedules that are late, and of those that can start nothing."""

from __future__ import annotations

from orchestrator.journal.actor import Actor
from orchestrator.ports.findings import Severity
from orchestrator.ports.schedules import Firing, PastStart, Pause, StartOutcome
from orchestrator.store.examining.late_schedules import examined_schedules
from tests.support.schedules import HOUR, schedule

NOW = 100 * HOUR
SECOND = 1_000_000_000


def test_schedules_that_start_what_is_due_are_fine() -> None:
    kept = [
        schedule(1, next_at=NOW + HOUR),
        schedule(2, next_at=NOW - SECOND),
        schedule(3, next_at=1, pause=Pause(1, "wait", Actor("ada"))),
        schedule(4, next_at=NOW + HOUR, firing=(Firing(NOW - SECOND, "by hand", Actor("ada")),)),
        schedule(5, next_at=None),
    ]
    (found,) = examined_schedules(kept, NOW)

    assert (found.severity, found.what) == (Severity.FINE, "5 schedules, 1 paused; nothing that is due waits")


def test_schedules_that_are_late_are_named_the_latest_first() -> None:
    kept = [schedule(number, next_at=NOW - number * HOUR) for number in range(1, 6)]
    kept.append(schedule(9, next_at=NOW + HOUR, firing=(Firing(NOW - 9 * HOUR, "by hand", Actor("ada")),)))
    (found,) = examined_schedules(kept, NOW)

    assert found.severity is Severity.WARNING
    assert found.what == (
        "6 of 6 schedules due and not started, the first for 32,400 s: schedule-9, schedule-5, schedule-4 and 3 more"
    )


def test_a_schedule_that_can_start_nothing_is_told_with_the_reason() -> None:
    past = PastStart(NOW, StartOutcome.REFUSED, NOW, message="its input is another one")
    (found,) = examined_schedules([schedule(1, next_at=NOW + HOUR, recent=(past,))], NOW)

    assert found.severity is Severity.WARNING
    assert found.what == "schedule-1 can start nothing: its input is another one"
