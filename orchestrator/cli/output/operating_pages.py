"""Shows operators what they need before an act: previews and statistics; and the line of a feed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from orchestrator.cli.output.instants import aged_text
from orchestrator.cli.output.rendering import reason_text, status_text, waiting_text
from orchestrator.cli.output.terminal import Records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from orchestrator.cli.output.payloads import Payloads
    from saga.v1.saga_pb2 import Saga
    from saga.v1.saga_service_pb2 import (
        GetStatisticsResponse,
        PlannedCompensation,
        PreviewRollbackResponse,
    )


def preview_lines(preview: PreviewRollbackResponse, payloads: Payloads) -> Iterator[Text]:
    """What a rollback would compensate, in order, with which requests, and what would stand; or why not."""
    if preview.refusal:
        yield Text.assemble(("it cannot be rolled back", "bold red"), f": {preview.refusal}")
        return
    if not preview.compensations:
        yield Text("there is nothing to compensate")
    for position, planned in enumerate(preview.compensations, start=1):
        yield Text(f"{position}. ").append_text(_planned(planned))
        if planned.HasField("request"):
            yield Text(f"   {payloads.as_json(planned.request)}", style="dim")
    for effect in preview.standing:
        yield Text.assemble(("! ", "bold yellow"), (effect.key, "bold"), f" stands ({effect.message})")


def statistics_page(statistics: GetStatisticsResponse) -> RenderableType:
    """Sagas by definition and status, then the participants."""
    sagas = Records(("definition", "status", "sagas", "oldest started"), head=2)
    for count in statistics.counts:
        sagas.add(count.definition, status_text(count.status), str(count.count), aged_text(count.oldest_started_at))
    return Group(sagas, *replica_lines(statistics), *_queue(statistics), "", participants_table(statistics))


def participants_table(statistics: GetStatisticsResponse) -> Records:
    """How the participants fare, as the replica that answers sees them."""
    participants = Records(("participant", "in flight", "waiting", "state"), plain={"state"})
    for each in statistics.participants:
        since = f" since {aged_text(each.down_since)}" if each.HasField("down_since") else ""
        state = Text(f"down{since}", style="bold red") if each.is_down else Text("up", style="green")
        if each.rate:
            state.append(f", at most {each.rate}", style="dim")
        participants.add(each.service, str(each.in_flight), str(each.waiting), state)
    return participants


def _queue(statistics: GetStatisticsResponse) -> Iterator[RenderableType]:
    """What is queued, by definition; and which definitions have a limit of their own."""
    shown = [each for each in statistics.loads if each.queued or each.most_live]
    if not shown:
        return
    table = Records(("definition", "advanced here", "at most", "queued", "at most", "oldest"), head=2)
    for each in shown:
        most, oldest = each.most_live, each.oldest_queued_at
        table.add(
            each.definition,
            str(each.live),
            str(most) if most else "",
            Text(str(each.queued), style="yellow" if each.queued else ""),
            str(each.most_queued),
            aged_text(oldest) if each.HasField("oldest_queued_at") else "",
        )
    yield ""
    yield table


def replica_lines(statistics: GetStatisticsResponse) -> Iterator[Text]:
    """What no replica advances; the work and the limits of the replica that answers."""
    for each in statistics.unclaimed:
        oldest = aged_text(each.oldest_started_at)
        yield Text(
            f"no replica advances {each.count} of {each.definition} v{each.version}, the oldest since {oldest}: "
            "serve the code of that version",
            style="bold red",
        )
    recovery, starts, feed = statistics.recovery, statistics.admission, statistics.feed
    if recovery.under_way:
        yield Text(f"recovery is under way: {recovery.recovered} of {recovery.expected} sagas so far", style="yellow")
    most_live = f", at most {starts.most_live_sagas}" if starts.most_live_sagas else ""
    yield Text(f"this replica advances {statistics.live_sagas} of them{most_live}", style="dim")
    if statistics.HasField("admission"):
        yield Text(
            f"starts: {starts.in_flight} of {starts.most_in_flight} in flight, "
            f"{starts.queued} of {starts.most_queued} queued, {starts.refused} refused",
            style="yellow" if starts.refused else "dim",
        )
    if statistics.HasField("feed"):
        yield Text(f"watchers: {feed.watchers} of {feed.most_watchers}", style="dim")


def feed_line(saga: Saga) -> Text:
    """One saga after a change."""
    line = Text.assemble(saga.saga_id, "  ", status_text(saga.status), f"  {saga.definition} v{saga.version}")
    for name, value in sorted(saga.attributes.items()):
        line.append(f"  {name}={value}")
    if saga.HasField("reason"):
        line.append("  ").append_text(reason_text(saga.reason))
    for waiting in saga.waiting:
        line.append("  ").append_text(waiting_text(waiting))
    return line


def _planned(planned: PlannedCompensation) -> Text:
    text = Text.assemble((planned.key, "bold"))
    if planned.in_doubt:
        text.append(", in doubt,", style="yellow")
    if planned.compensation:
        text.append(f" by {planned.compensation.rpartition('.')[2]}")
    if planned.obstacle:
        text.append(f": {planned.obstacle}", style="red")
    return text
