"""Turns schedules, as messages of the API, into pages for a terminal. Pure."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from rich.console import Group
from rich.text import Text

from orchestrator.cli.output.instants import aged_text, instant_text
from orchestrator.cli.output.terminal import Flow, Records
from saga.v1 import schedule_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.timestamp_pb2 import Timestamp
    from rich.console import RenderableType

    from orchestrator.cli.output.payloads import Payloads
    from saga.v1.schedule_pb2 import Schedule, ScheduleAct, ScheduledStart

_OUTCOMES: Final[dict[int, tuple[str, str]]] = {
    schedule_pb2.START_OUTCOME_STARTED: ("started", "green"),
    schedule_pb2.START_OUTCOME_STILL_RUNNING: ("skipped", "yellow"),
    schedule_pb2.START_OUTCOME_MISSED: ("missed", "bold yellow"),
    schedule_pb2.START_OUTCOME_REFUSED: ("refused", "bold red"),
}


def schedules_table(schedules: Iterable[Schedule]) -> Records:
    """One schedule in each line, or in a few where the terminal is narrow."""
    table = Records(("schedule", "state", "when", "saga", "next", "last"), head=2, plain={"when", "saga"})
    for each in schedules:
        table.add(
            each.name,
            _state(each),
            _when(each),
            _saga(each),
            instant_text(each.next_instants[0]) if each.next_instants else "-",
            _start(each.last_starts[0]) if each.last_starts else "-",
        )
    return table


def schedule_page(schedule: Schedule, payloads: Payloads) -> RenderableType:
    """Everything about one schedule."""
    title = Flow([Text(schedule.name, style="bold"), Text(_when(schedule)), _state(schedule)])
    facts = Flow(
        [
            f"starts {_saga(schedule)}",
            f"overlap {_policy(schedule_pb2.OverlapPolicy.Name(schedule.overlap_policy))}",
            f"missed {_missed(schedule)}",
            f"created {aged_text(schedule.created_at)} by {schedule.created_by}",
        ],
        " · ",
        "dim",
    )
    parts: list[RenderableType] = [title, facts]
    if schedule.HasField("input"):
        parts.append(Text(payloads.as_json(schedule.input), style="dim"))
    if schedule.HasField("pause"):
        pause = schedule.pause
        told = f"paused since {aged_text(pause.paused_at)} by {pause.requested_by}: {pause.reason}"
        parts.append(Text(told, style="bold yellow"))
    parts += [Text(f"next {_local(each, schedule.time_zone)}") for each in schedule.next_instants]
    if schedule.HasField("buffered_instant"):
        parts.append(Text(f"buffered {instant_text(schedule.buffered_instant)}", style="yellow"))
    parts += [Text(f"running {each}") for each in schedule.running_saga_ids]
    if schedule.last_starts:
        starts = Records(("instant", "outcome", "saga", "noted"), wrapped={"outcome"})
        for each in schedule.last_starts:
            starts.add(instant_text(each.instant), _told(each), each.saga_id or "-", instant_text(each.noted_at))
        parts.append(starts)
    if schedule.last_acts:
        acts = Records(("act", "at", "by", "why"), wrapped={"by", "why"})
        for act in schedule.last_acts:
            acts.add(_act(act), instant_text(act.acted_at), act.acted_by, act.reason or "-")
        parts.append(acts)
    return Group(*parts)


def _act(act: ScheduleAct) -> str:
    return schedule_pb2.ScheduleActKind.Name(act.kind).removeprefix("SCHEDULE_ACT_KIND_").lower()


def _state(schedule: Schedule) -> Text:
    if schedule.HasField("pause"):
        return Text("paused", style="bold yellow")
    return Text("active", style="green") if schedule.next_instants else Text("over", style="dim")


def _when(schedule: Schedule) -> str:
    if schedule.HasField("at"):
        return f"once, at {instant_text(schedule.at)}"
    return f"{schedule.cron} {schedule.time_zone or 'UTC'}"


def _saga(schedule: Schedule) -> str:
    return f"{schedule.definition} {f'v{schedule.version}' if schedule.version else '(newest version)'}"


def _missed(schedule: Schedule) -> str:
    policy = _policy(schedule_pb2.MissedPolicy.Name(schedule.missed_policy))
    most = f", at most {schedule.missed_limit}" if schedule.missed_policy == schedule_pb2.MISSED_POLICY_RUN_ALL else ""
    return f"{policy}{most}, after {schedule.start_window.ToTimedelta().total_seconds():g} s"


def _policy(name: str) -> str:
    return name.partition("POLICY_")[2].lower().replace("_", "-")


def _start(start: ScheduledStart) -> Text:
    word, style = _OUTCOMES.get(start.outcome, ("unknown", "dim"))
    return Text(f"{word} {instant_text(start.instant)}", style=style)


def _told(start: ScheduledStart) -> Text:
    word, style = _OUTCOMES.get(start.outcome, ("unknown", "dim"))
    return Text(word, style=style).append(f": {start.message}" if start.message else "", style="default")


def _local(instant: Timestamp, zone: str) -> str:
    """An instant, and what the clocks of the schedule's zone show then, where this machine knows the zone."""
    told = instant_text(instant)
    try:
        there = instant.ToDatetime(UTC).astimezone(ZoneInfo(zone or "UTC"))
    except (KeyError, ValueError, OSError):
        return told
    return told if zone in {"", "UTC"} else f"{told}, {there:%H:%M} there"
