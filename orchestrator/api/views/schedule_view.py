"""A schedule as the API's message. What the contract of its saga's input marks ``debug_redact`` is masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.api.views.journal_view import pack, shown
from orchestrator.api.views.timestamps import duration, timestamp
from orchestrator.engine.schedules.turn import upcoming
from saga.v1 import schedule_pb2

if TYPE_CHECKING:
    from orchestrator.engine.sagas import Served
    from orchestrator.ports.schedules import PastStart, Schedule, ScheduleAct

_NEXT: Final = 5


def schedule_view(schedule: Schedule, served: Served | None) -> schedule_pb2.Schedule:
    """The schedule with its input, where its saga is served.

    Args:
        schedule: as it is kept.
        served: the definition of its saga, where it is served.
    """
    view = listed_view(schedule)
    if served is not None and served.definition.input.DESCRIPTOR.full_name == schedule.input_type:
        payload, _ = shown(served.definition.input, schedule.input)
        if payload is not None:
            view.input.CopyFrom(pack(payload))
    return view


def listed_view(schedule: Schedule) -> schedule_pb2.Schedule:
    """The schedule without its input."""
    view = schedule_pb2.Schedule(
        name=schedule.name,
        time_zone=schedule.zone,
        definition=schedule.definition,
        version=schedule.version,
        overlap_policy=schedule_pb2.OverlapPolicy.ValueType(schedule.overlap.value),
        missed_policy=schedule_pb2.MissedPolicy.ValueType(schedule.missed.value),
        missed_limit=schedule.missed_limit,
        start_window=duration(schedule.window),
        uid=schedule.uid,
        created_at=timestamp(schedule.created_at),
        created_by=schedule.created_by.name,
        next_instants=[timestamp(each) for each in upcoming(schedule, _NEXT)],
        running_saga_ids=schedule.running,
        last_starts=[_start_view(each) for each in reversed(schedule.recent)],
        last_acts=[_act_view(each) for each in reversed(schedule.acts)],
    )
    if schedule.cron:
        view.cron = schedule.cron
    else:
        view.at.CopyFrom(timestamp(schedule.at))
    if schedule.buffered is not None:
        view.buffered_instant.CopyFrom(timestamp(schedule.buffered))
    if (pause := schedule.pause) is not None:
        by, paused_at = pause.by.name, timestamp(pause.at)
        view.pause.CopyFrom(schedule_pb2.SchedulePause(paused_at=paused_at, reason=pause.why, requested_by=by))
    return view


def _act_view(act: ScheduleAct) -> schedule_pb2.ScheduleAct:
    return schedule_pb2.ScheduleAct(
        kind=schedule_pb2.ScheduleActKind.ValueType(act.kind.value),
        acted_at=timestamp(act.at),
        acted_by=act.by.name,
        reason=act.why,
    )


def _start_view(past: PastStart) -> schedule_pb2.ScheduledStart:
    return schedule_pb2.ScheduledStart(
        instant=timestamp(past.instant),
        outcome=schedule_pb2.StartOutcome.ValueType(past.outcome.value),
        saga_id=past.saga_id,
        message=past.message,
        noted_at=timestamp(past.noted_at),
    )
