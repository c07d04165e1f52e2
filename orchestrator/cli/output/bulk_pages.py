"""Turns bulk acts, as messages of the API, into lines and pages for a terminal. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from orchestrator.cli.output.instants import aged_text
from orchestrator.cli.output.terminal import Flow, Records
from saga.v1 import bulk_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType

_DONE: Final = {
    bulk_pb2.ACTION_CANCEL: "cancelled",
    bulk_pb2.ACTION_PAUSE: "paused",
    bulk_pb2.ACTION_RESUME: "resumed",
    bulk_pb2.ACTION_RETRY_NOW: "retried",
    bulk_pb2.ACTION_RESOLVE_OUTCOME: "resolved",
    bulk_pb2.ACTION_RESOLVE_COMPENSATION: "resolved",
    bulk_pb2.ACTION_SKIP_COMPENSATION: "skipped",
}
_STYLES: Final = {
    bulk_pb2.BULK_ACT_STATUS_PREPARED: "bold yellow",
    bulk_pb2.BULK_ACT_STATUS_STOPPED: "bold red",
    bulk_pb2.BULK_ACT_STATUS_ENDED: "bold green",
}
REFUSED: Final = (bulk_pb2.BULK_ANSWER_EXCLUDED, bulk_pb2.BULK_ANSWER_REFUSED, bulk_pb2.BULK_ANSWER_FAILED)
"""The answers of sagas to which it is not done."""

_TOLD: Final = (
    (bulk_pb2.BULK_ANSWER_PROPOSED, "proposed"),
    (bulk_pb2.BULK_ANSWER_NOTED, "noted"),
    (bulk_pb2.BULK_ANSWER_FAILED, "failed"),
)
_BEGUN: Final = frozenset(
    {bulk_pb2.BULK_ACT_STATUS_RUNNING, bulk_pb2.BULK_ACT_STATUS_STOPPING, bulk_pb2.BULK_ACT_STATUS_STOPPED}
) | {bulk_pb2.BULK_ACT_STATUS_ENDED}


def refused(act: bulk_pb2.BulkAct) -> int:
    """To how many of its sagas it is not done, because they refuse it or it fails."""
    counts = _counts(act)
    return sum(counts[answer] for answer in REFUSED)


def progress_line(act: bulk_pb2.BulkAct) -> Text:
    """How far it has come, in one line."""
    counts = _counts(act)
    if act.status not in _BEGUN:
        asked = act.total - counts[bulk_pb2.BULK_ANSWER_UNCHECKED]
        return Text(f"{asked} of {act.total} sagas are asked")
    left = counts[bulk_pb2.BULK_ANSWER_ALLOWED] + counts[bulk_pb2.BULK_ANSWER_SECOND_PERSON_NEEDED]
    return Text(f"{act.to_do - left} of {act.to_do}: {_sums(act, counts)}")


def summary(act: bulk_pb2.BulkAct) -> str:
    """What it would come to, or has come to, in one line."""
    counts = _counts(act)
    if act.status in _BEGUN:
        left = counts[bulk_pb2.BULK_ANSWER_ALLOWED] + counts[bulk_pb2.BULK_ANSWER_SECOND_PERSON_NEEDED]
        return f"{act.total} matched: {_sums(act, counts)}{f', {left} not begun' if left else ''}"
    second = counts[bulk_pb2.BULK_ANSWER_SECOND_PERSON_NEEDED]
    needs = f", {second} of them once a second person asks for the same" if second else ""
    unasked = counts[bulk_pb2.BULK_ANSWER_UNCHECKED]
    told = f"{act.total} match: {act.to_do} would be {_DONE[act.action]}{needs}, {refused(act)} refused"
    return f"{told}, {unasked} not asked yet" if unasked else told


def bulk_acts_table(acts: Iterable[bulk_pb2.BulkAct]) -> Records:
    """One bulk act in each line, or in a few where the terminal is narrow."""
    table = Records(("bulk act", "status", "act", "sagas", "came to", "by"), wrapped={"came to"}, head=2)
    for act in acts:
        table.add(act.bulk_act_id, _status(act), _name(act), str(act.total), summary(act), _by(act))
    return table


def bulk_act_page(act: bulk_pb2.BulkAct, results: Iterable[bulk_pb2.BulkResult]) -> RenderableType:
    """Everything about one bulk act, and why it is not done to some of its sagas.

    Args:
        act: the bulk act.
        results: of those sagas to which it is not done.
    """
    title = Flow([Text(act.bulk_act_id, style="bold"), _name(act), _status(act)])
    facts = [f"prepared {aged_text(act.prepared_at)} by {act.prepared_by}"]
    if act.HasField("started_at"):
        facts.append(f"started {aged_text(act.started_at)} by {act.started_by}")
    if act.stopped_by:
        facts.append(f"stopped by {act.stopped_by}")
    if act.HasField("ended_at"):
        facts.append(f"ended {aged_text(act.ended_at)}")
    parts: list[RenderableType] = [title, Flow(facts, " · ", "dim")]
    if act.reason:
        parts.append(Text(act.reason))
    parts.append(Text(summary(act), style="bold"))
    return Group(*parts, *_reasons(results))


def _reasons(results: Iterable[bulk_pb2.BulkResult]) -> Iterator[Text]:
    """Why, with the number of sagas and one of them, the most frequent reason first."""
    numbers: Counter[str] = Counter()
    examples: dict[str, bulk_pb2.BulkResult] = {}
    for result in results:
        numbers[result.reason] += 1
        examples.setdefault(result.reason, result)
    for reason, number in numbers.most_common():
        text = Text.assemble(
            ("✗", "bold red"), f" {number}  ", (reason, "bold"), f", such as: {examples[reason].message}"
        )
        yield text


def _sums(act: bulk_pb2.BulkAct, counts: Counter[int]) -> str:
    rest = [f"{counts[answer]} {word}" for answer, word in _TOLD if counts[answer]]
    no = counts[bulk_pb2.BULK_ANSWER_EXCLUDED] + counts[bulk_pb2.BULK_ANSWER_REFUSED]
    return ", ".join([f"{counts[bulk_pb2.BULK_ANSWER_DONE]} {_DONE[act.action]}", f"{no} refused", *rest])


def _counts(act: bulk_pb2.BulkAct) -> Counter[int]:
    return Counter({each.answer: each.count for each in act.counts})


def _status(act: bulk_pb2.BulkAct) -> Text:
    word = bulk_pb2.BulkActStatus.Name(act.status).removeprefix("BULK_ACT_STATUS_").lower()
    return Text(word, style=_STYLES.get(act.status, "bold cyan"))


def _name(act: bulk_pb2.BulkAct) -> Text:
    word = bulk_pb2.Action.Name(act.action).removeprefix("ACTION_").lower().replace("_", " ")
    return Text(f"{word} {act.decision.key}" if act.HasField("decision") else word)


def _by(act: bulk_pb2.BulkAct) -> str:
    return act.started_by or act.prepared_by
