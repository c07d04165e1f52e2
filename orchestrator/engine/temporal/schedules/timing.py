"""How a schedule of ours is said to Temporal: when, how late, and what becomes of an instant while a saga runs. Pure.

Temporal reads cron expressions much as we do. Where it does not, the expression is said otherwise, or refused: it wants
both days to match, where cron wants either; it knows no ``L`` and no ``#``. In the two nights a year in which a clock
is changed, it starts nothing at a time that is left out, and at one that comes twice it starts the second time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from temporalio import client as t

from orchestrator.engine.temporal import names
from orchestrator.errors import NotOffered
from orchestrator.ports.schedules import Missed, Overlap

if TYPE_CHECKING:
    from orchestrator.ports.schedules import Schedule

_SECOND: Final = 1_000_000_000
_A_YEAR: Final = timedelta(days=365)

_OVERLAP: Final = {
    Overlap.SKIP: t.ScheduleOverlapPolicy.SKIP,
    Overlap.BUFFER_ONE: t.ScheduleOverlapPolicy.BUFFER_ONE,
    Overlap.ALLOW_ALL: t.ScheduleOverlapPolicy.ALLOW_ALL,
}


def asked_of(schedule: Schedule, written: bytes, now: int) -> t.Schedule:
    """What Temporal is asked to keep.

    Args:
        schedule: of ours.
        written: what Temporal does not know of it.
        now: nanoseconds since the epoch, UTC.

    Raises:
        NotOffered: Temporal cannot say when.
    """
    action = t.ScheduleActionStartWorkflow(
        names.START_SCHEDULED,
        args=[written, schedule.input],
        id=f"schedule/{schedule.uid}/{schedule.name}",
        task_queue=queue_of(schedule),
    )
    # What Temporal hands out late is missed all the same, or not, as the policy of the schedule says.
    late = timedelta(seconds=schedule.window // _SECOND + 1) if schedule.missed is Missed.SKIP else _A_YEAR
    policy = t.SchedulePolicy(overlap=_OVERLAP[schedule.overlap], catchup_window=late)
    return t.Schedule(action, _spec(schedule, now), policy, t.ScheduleState(note=note_of(schedule)))


def note_of(schedule: Schedule) -> str:
    """What Temporal's own tools show of it: what was done last, and by whom."""
    kind, _, by, why = schedule.acts[-1]
    return f"{kind.name.lower()} by {by.name}{': ' * bool(why)}{why}"


def queue_of(schedule: Schedule) -> str:
    """The task queue of those who can start its saga."""
    if schedule.version:
        return names.queue_of(schedule.definition, schedule.version)
    return names.schedules_of(schedule.definition)


def _spec(schedule: Schedule, now: int) -> t.ScheduleSpec:
    if not schedule.cron:
        # An instant that is past by the time at which Temporal reads it never comes.
        return _once(datetime.fromtimestamp(max(-(-schedule.at // _SECOND), now // _SECOND + 2), UTC))
    minute, hour, day, month, weekday = schedule.cron.split()
    if {"L", "#"} & {*day.upper(), *weekday.upper()}:
        raise NotOffered(
            f"Temporal has no L and no # in its expressions, as in {schedule.cron!r}; name the days instead"
        )
    either = not day.startswith("*") and not weekday.startswith("*")
    days = [(day, "*"), ("*", weekday)] if either else [(day, weekday)]
    expressions = [f"{minute} {hour} {each} {month} {on}" for each, on in days]
    return t.ScheduleSpec(cron_expressions=expressions, time_zone_name=schedule.zone or "UTC")


def _once(at: datetime) -> t.ScheduleSpec:
    calendar = t.ScheduleCalendarSpec(
        second=[t.ScheduleRange(at.second)],
        minute=[t.ScheduleRange(at.minute)],
        hour=[t.ScheduleRange(at.hour)],
        day_of_month=[t.ScheduleRange(at.day)],
        month=[t.ScheduleRange(at.month)],
        year=[t.ScheduleRange(at.year)],
    )
    return t.ScheduleSpec(calendars=[calendar])
