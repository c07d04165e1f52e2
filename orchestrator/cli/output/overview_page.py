"""Shows how things are at one moment: what needs a person first. Pure, but for the age of things."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group
from rich.text import Text

from orchestrator.cli.output.desk_page import group_title
from orchestrator.cli.output.instants import instant_text
from orchestrator.cli.output.operating_pages import participants_table, replica_lines
from orchestrator.cli.output.rendering import status_text, waiting_text
from orchestrator.cli.output.terminal import Flow, Records
from orchestrator.contract.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from saga.v1.figures_service_pb2 import GetFiguresResponse, SuspendedGroup
    from saga.v1.saga_pb2 import Saga
    from saga.v1.saga_service_pb2 import GetStatisticsResponse

_LISTED: Final = 5


class Look(NamedTuple):
    """What was seen at one moment.

    Attributes:
        at: when.
        statistics: of the sagas and of the replica that was asked.
        figures: what started and ended in the last minutes.
        groups: what waits for a person, by its cause.
        waiting: sagas that wait for a next attempt or for a participant.
    """

    at: datetime
    statistics: GetStatisticsResponse
    figures: GetFiguresResponse
    groups: Sequence[SuspendedGroup]
    waiting: Sequence[Saga]


def overview_page(look: Look) -> RenderableType:
    """Everything at a glance."""
    return Group(*_lines(look))


def _lines(look: Look) -> Iterator[RenderableType]:
    moment = Timestamp()
    moment.FromDatetime(look.at)
    yield Text(instant_text(moment), style="dim")
    yield Text()
    yield from _needs_a_person(look.groups)
    yield Text()
    counts: Counter[int] = Counter()
    for each in look.statistics.counts:
        counts[each.status] += each.count
    shown = [status_text(status).append(f" {count:,}", "default") for status, count in sorted(counts.items())]
    yield Flow(shown or ["no sagas"], "   ")
    yield _rate(look)
    yield from replica_lines(look.statistics)
    yield Text()
    yield participants_table(look.statistics)
    yield from _oldest(look.waiting)


def _rate(look: Look) -> Text:
    """How much starts and ends, and how long those took that ended."""
    totals = look.figures.totals
    if not totals:
        return Text("nothing started or ended in the last minutes")
    # The step that holds the beginning of the window counts as a whole.
    since = min(each.at.ToDatetime(UTC) for each in totals).replace(second=0, microsecond=0)
    minutes = max((look.at - since) / timedelta(minutes=1), 1.0)
    started = sum(each.started for each in totals) / minutes
    ended = sum(end.count for each in totals for end in each.ended) / minutes
    text = Text(f"{started:,.1f} started and {ended:,.1f} ended per minute")
    for each in totals:
        if each.HasField("median"):
            text.append(f"; {each.definition}: half took less than {each.median.ToTimedelta().total_seconds():g} s")
    return text


def _needs_a_person(groups: Sequence[SuspendedGroup]) -> Iterator[RenderableType]:
    if not groups:
        yield Text("nothing needs a person", style="green")
        return
    number = sum(each.count for each in groups)
    needs = "needs" if number == 1 else "need"
    yield Text(f"{counted(number, 'saga')} {needs} a person; see: orchestrator desk", style="bold red")
    for each in groups[:_LISTED]:
        yield Text("  ").append_text(group_title(each))
    if len(groups) > _LISTED:
        yield Text(f"  and {counted(len(groups) - _LISTED, 'more cause')}", style="dim")


def _oldest(sagas: Sequence[Saga]) -> Iterator[RenderableType]:
    """The sagas that have waited longest for a next attempt or a participant."""
    waits = [(each, waiting) for each in sagas for waiting in each.waiting]
    waits.sort(key=lambda each: each[1].since.ToNanoseconds())
    if not waits:
        return
    yield Text()
    table = Records(("saga", "waits longest for"), wrapped={"waits longest for"}, plain={"waits longest for"})
    for saga, waiting in waits[:_LISTED]:
        table.add(saga.saga_id, waiting_text(waiting))
    yield table
