"""Turns events and sinks, as messages of the API, into pages for a terminal. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from orchestrator.cli.output.instants import aged_text, instant_text
from orchestrator.cli.output.terminal import Records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from saga.v1.event_service_pb2 import Event, EventDeadLetter, EventSink


def events_table(events: Iterable[Event]) -> Records:
    """One event in each line, or in a few where the terminal is narrow."""
    table = Records(("position", "at", "type", "saga", "id"), head=3)
    for each in events:
        kind = Text(each.type)
        if each.provisional:
            kind.append(" provisional", style="yellow")
        table.add(str(each.position), instant_text(each.at), kind, each.saga_id, each.event_id)
    return table


def sinks_page(sinks: Iterable[EventSink]) -> RenderableType:
    """Every sink, and beneath it what was done to it."""
    columns = ("sink", "state", "position", "behind", "oldest", "blocked sagas", "dead letters", "told by")
    table = Records(columns, head=2)
    acts: list[Text] = []
    for each in sinks:
        table.add(
            each.name,
            _state(each),
            str(each.position),
            str(each.behind),
            aged_text(each.oldest_at) if each.HasField("oldest_at") else "-",
            str(each.blocked_sagas),
            str(each.dead_letters),
            each.owner or "-",
        )
        for act in each.acts:
            told = f"{each.name}: {act.act}, {instant_text(act.at)} by {act.requested_by}"
            acts.append(Text(told, style="dim"))
    return Group(table, *acts)


def dead_letters_table(letters: Iterable[EventDeadLetter]) -> Records:
    """One dead letter in each line, or in a few."""
    table = Records(("position", "saga", "attempts", "given up", "error"), head=2, wrapped={"error"})
    for each in letters:
        error = Text(each.error)
        if each.retried:
            error = Text("tried again; before: ", style="yellow").append(each.error, style="default")
        table.add(str(each.position), each.saga_id, str(each.attempts), instant_text(each.died_at), error)
    return table


def _state(sink: EventSink) -> Text:
    if sink.HasField("failing_since"):
        return Text(f"failing since {aged_text(sink.failing_since)}: {sink.error}", style="bold red")
    if sink.blocked_sagas or sink.dead_letters:
        return Text("takes some", style="yellow")
    return Text("takes events", style="green") if sink.owner else Text("told by nobody", style="yellow")
