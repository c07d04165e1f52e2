r"""What a schedule comes to when it is due. Pure: from what is kept, the time and what runs to what is kept next.

Purpose: every instant gets one answer: started, or left out for a reason that is written down. Invariant: what is to be
started is part of the schedule (``firing``) before anything is started, and leaves it with the change that follows the
durable start; only that change moves the next instant on. So a replica that dies leaves a decision, and no doubt.

::

    due ──taken()──▶ firing ──the start is durable──▶ fired() ──▶ the next instant
     │                 │ its replica died: taken() again, by another one: the same request id, the same saga
     ├── another one still runs: skipped, or buffered until that one has ended
     └── too late: missed, as the policy says
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Final, assert_never

from orchestrator.engine.schedules.timetable import cron_of
from orchestrator.ports.schedules import Firing, Missed, Overlap, PastStart, StartOutcome

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.ports.schedules import Schedule

_NANOSECONDS: Final = 1_000_000_000
HOLD_NANOSECONDS: Final = 5 * _NANOSECONDS
"""For so long what a replica has in hand is left to it. One that is slower does no harm: both start the same saga."""
_SHORTEST_NANOSECONDS: Final = 2 * _NANOSECONDS
_LONGEST_NANOSECONDS: Final = 60 * _NANOSECONDS
_MOST_RUNNING: Final = 100
RECENT: Final = 10
"""Of so many instants it is remembered what became of them."""


def request_id_of(uid: str, instant: int | str) -> str:
    """The request id of a start: it follows from the schedule and the instant, so every replica has the same.

    Args:
        uid: the schedule's.
        instant: nanoseconds since the epoch; of a start by hand, the request id of the caller.
    """
    return str(uuid.uuid5(uuid.UUID(uid), str(instant)))


def instant_after(schedule: Schedule, instant: int) -> int | None:
    """The first instant of its timetable after this one."""
    if schedule.cron:
        return cron_of(schedule.cron, schedule.zone).after(instant)
    return schedule.at if schedule.at > instant else None


def upcoming(schedule: Schedule, most: int) -> list[int]:
    """The next instants, from the one that comes next; none of one that is paused."""
    found: list[int] = []
    instant = None if schedule.pause else schedule.next_at
    while instant is not None and len(found) < most:
        found.append(instant)
        instant = instant_after(schedule, instant)
    return found


def taken(schedule: Schedule, now: int, running: Collection[str]) -> Schedule:
    """A due schedule in the hand of one replica: with what is to be started, or with an instant that is left out.

    Args:
        schedule: as it is kept, and due.
        now: the store's clock.
        running: those of ``schedule.running`` that still run.
    """
    schedule = replace(schedule, running=tuple(each for each in schedule.running if each in running), not_before=0)
    if schedule.firing:
        return replace(schedule, not_before=now + HOLD_NANOSECONDS)
    if schedule.buffered is not None and not schedule.running:
        return replace(_firing(schedule, schedule.buffered, now), buffered=None)
    if schedule.next_at is None or schedule.next_at > now:
        return replace(schedule, not_before=_look_again(schedule, now))
    schedule = _without_missed(schedule, now)
    if schedule.next_at is None or schedule.next_at > now:
        return schedule
    if schedule.running and schedule.overlap is not Overlap.ALLOW_ALL:
        return _overlapping(schedule, schedule.next_at, now)
    return _firing(schedule, schedule.next_at, now)


def fired(schedule: Schedule, firing: Firing, past: PastStart) -> Schedule:
    """The schedule after a start that is durable, or was refused for good.

    Args:
        schedule: as it is kept, with the firing.
        firing: what is done.
        past: what became of it.
    """
    rest = tuple(each for each in schedule.firing if each != firing)
    running = schedule.running
    if past.outcome is StartOutcome.STARTED and schedule.overlap is not Overlap.ALLOW_ALL:
        running = (*running, past.saga_id)[-_MOST_RUNNING:]
    not_before = schedule.not_before if rest else 0
    done = _noted(replace(schedule, firing=rest, running=running, not_before=not_before), past)
    return done if firing.by or firing.instant != schedule.next_at else _past(done, firing.instant)


def _overlapping(schedule: Schedule, instant: int, now: int) -> Schedule:
    """Its instant is due, and what it started before still runs."""
    if schedule.overlap is Overlap.BUFFER_ONE and schedule.buffered is None:
        kept = replace(schedule, buffered=instant)
    else:
        message = f"{schedule.running[0]} still runs"
        kept = _noted(schedule, PastStart(instant, StartOutcome.STILL_RUNNING, now, message=message))
    return replace(_past(kept, instant), not_before=_look_again(kept, now))


def _look_again(schedule: Schedule, now: int) -> int:
    """When to look whether the buffered instant can start: soon where it has waited for seconds, else less often."""
    waited = now - (now if schedule.buffered is None else schedule.buffered)
    return now + min(max(waited // 10, _SHORTEST_NANOSECONDS), _LONGEST_NANOSECONDS)


def _firing(schedule: Schedule, instant: int, now: int) -> Schedule:
    start = Firing(instant, request_id_of(schedule.uid, instant))
    return replace(schedule, firing=(start,), not_before=now + HOLD_NANOSECONDS)


def _past(schedule: Schedule, instant: int) -> Schedule:
    return replace(schedule, next_at=instant_after(schedule, instant))


def _noted(schedule: Schedule, past: PastStart) -> Schedule:
    return replace(schedule, recent=(*schedule.recent, past)[-RECENT:])


def _without_missed(schedule: Schedule, now: int) -> Schedule:
    """The schedule at the first instant that is to be started, though some before it were missed."""
    first, late = schedule.next_at, now - schedule.window - 1
    assert first is not None
    if first > late:
        return schedule
    match schedule.missed:
        case Missed.SKIP:
            begin = instant_after(schedule, late)
        case Missed.RUN_LAST:
            begin = _latest(schedule, late, 1)
        case Missed.RUN_ALL:
            begin = _latest(schedule, late, schedule.missed_limit)
        case _:
            assert_never(schedule.missed)
    if begin == first:
        return schedule
    until = "none comes after it" if begin is None else "with those after it, as its policy says"
    missed = PastStart(first, StartOutcome.MISSED, now, message=f"no replica started it in time; {until}")
    return replace(_noted(schedule, missed), next_at=begin)


def _latest(schedule: Schedule, until: int, most: int) -> int | None:
    """The first of the latest instants that were missed, so many of them."""
    if not schedule.cron:
        return schedule.next_at
    assert schedule.next_at is not None
    latest = cron_of(schedule.cron, schedule.zone).latest(schedule.next_at - 1, until, most)
    return latest[0] if latest else None
