"""Shows how things are at one moment: what needs a person first. Pure, but for ages."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.console import Group
from rich.text import Text

from orchestrator.cli.output.desk_page import cause_title
from orchestrator.cli.output.instants import age_text, instant_text, now
from orchestrator.cli.output.operating_pages import participants_table, replica_lines
from orchestrator.cli.output.rendering import ENDED, status_text, waiting_text
from orchestrator.cli.output.terminal import Flow, Records
from orchestrator.contract.wording import counted
from saga.v1 import saga_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from orchestrator.cli.causes import Cause
    from saga.v1.saga_pb2 import Saga
    from saga.v1.saga_service_pb2 import GetStatisticsResponse

_LISTED: Final = 5


class Look(NamedTuple):
    """What was seen at one moment.

    Attributes:
        at: when, in seconds of a clock that is never set.
        statistics: of the sagas and of the replica that was asked.
        causes: why sagas wait for a person, the oldest first.
        waiting: sagas that wait for a next attempt or for a participant.
    """

    at: float
    statistics: GetStatisticsResponse
    causes: Sequence[Cause]
    waiting: Sequence[Saga]


class Rates(NamedTuple):
    """How much happens, a second."""

    started: float
    ended: float


def rates_between(before: Look, after: Look) -> Rates:
    """What has changed from one look to the next. Where retention deletes sagas, it is less than what has happened."""
    span = max(after.at - before.at, 1e-9)
    ended, ended_before = _ended(after), _ended(before)
    started = sum(each.count for each in after.statistics.counts) - sum(each.count for each in before.statistics.counts)
    return Rates(max(0.0, started / span), max(0.0, (ended - ended_before) / span))


def overview_page(before: Look, look: Look) -> RenderableType:
    """Everything at a glance."""
    return Group(*_lines(before, look))


def _lines(before: Look, look: Look) -> Iterator[RenderableType]:
    rates = rates_between(before, look)
    yield Text(_moment(), style="dim")
    yield Text()
    yield from _needs_a_person(look)
    yield Text()
    counts: Counter[int] = Counter()
    for each in look.statistics.counts:
        counts[each.status] += each.count
    shown = [status_text(status).append(f" {count:,}", "default") for status, count in sorted(counts.items())]
    yield Flow(shown or ["no sagas"], "   ")
    yield Text(f"{rates.started:,.1f} started and {rates.ended:,.1f} ended per second")
    yield from replica_lines(look.statistics)
    yield Text()
    yield participants_table(look.statistics)
    yield from _oldest(look)


def _moment() -> str:
    moment = saga_pb2.Saga()
    moment.started_at.FromDatetime(now().astimezone(UTC))
    return instant_text(moment.started_at)


def _needs_a_person(look: Look) -> Iterator[RenderableType]:
    if not look.causes:
        yield Text("nothing needs a person", style="green")
        return
    number = sum(len(cause.sagas) for cause in look.causes)
    needs = "needs" if number == 1 else "need"
    yield Text(f"{counted(number, 'saga')} {needs} a person; see: orchestrator desk", style="bold red")
    for cause in look.causes[:_LISTED]:
        oldest = age_text(cause.sagas[0].started_at)
        yield Text("  ").append_text(cause_title(cause)).append(f", the oldest started {oldest}", "dim")
    if len(look.causes) > _LISTED:
        yield Text(f"  and {counted(len(look.causes) - _LISTED, 'more cause')}", style="dim")


def _oldest(look: Look) -> Iterator[RenderableType]:
    """The sagas that have waited longest for a next attempt or a participant."""
    waits = [(each, waiting) for each in look.waiting for waiting in each.waiting]
    waits.sort(key=lambda each: each[1].since.ToNanoseconds())
    if not waits:
        return
    yield Text()
    table = Records(("saga", "waits longest for"), wrapped={"waits longest for"}, plain={"waits longest for"})
    for saga, waiting in waits[:_LISTED]:
        table.add(saga.saga_id, waiting_text(waiting))
    yield table


def _ended(look: Look) -> int:
    return sum(each.count for each in look.statistics.counts if each.status in ENDED)
