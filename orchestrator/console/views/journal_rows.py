"""The journal of a saga as the rows of a table, decoded and masked, and those of them that a filter selects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf import json_format, symbol_database
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from google.rpc.code_pb2 import Code

from orchestrator.api.guidance.sentence import step_of
from orchestrator.api.views.journal_view import journal_view
from orchestrator.console.drawing.spans import clock, day
from orchestrator.console.views.payloads import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from google.protobuf.any_pb2 import Any as AnyMessage

    from orchestrator.contract.command import Command
    from orchestrator.engine.sagas import Served
    from orchestrator.journal.entries import Entry
    from saga.v1.saga_pb2 import JournalEntry

MOST_ROWS: Final = 200
"""Of one page, the latest ones; the filter finds the others."""

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "all entries": (),
    "commands": ("Command", "Attempt", "Outcome"),
    "failures": ("Failed", "Refused", "Abandoned", "Rejected", "Suspended"),
    "rollback": ("Rollback", "Compensat"),
    "waits and signals": ("Wait", "Signal", "Parked", "Woken", "Queued", "Admitted"),
    "decisions of people": ("Resolved", "Skipped", "Resumed", "Requested", "Proposed"),
}
"""What a filter can select, by the parts of the kinds of entries."""


class JournalRow(NamedTuple):
    """One entry.

    Attributes:
        at: nanoseconds since the epoch, UTC.
        day: the day, where it is another one than that of the row before; else empty.
        clock: the time of that day, to the millisecond.
        kind: what happened, such as ``CommandCompleted``.
        step: the command or the wait that it is about, or empty.
        told: the rest, such as ``attempt 2: ABORTED: busy``.
        payload: the request, reply, input or result as JSON, masked; or empty.
    """

    sequence: int
    at: int
    day: str
    clock: str
    kind: str
    step: str
    told: str
    payload: str


class JournalPage(NamedTuple):
    """What is shown of a journal.

    Attributes:
        rows: the latest ones that the filter selects, the oldest first.
        found: how many the filter selects.
        total: how many there are.
    """

    rows: list[JournalRow]
    found: int
    total: int


def journal_page(
    entries: Sequence[Entry],
    served: Served | None,
    contract: Callable[[str], Command | None],
    *,
    group: str = "",
    text: str = "",
) -> JournalPage:
    """The entries that a filter selects.

    Args:
        entries: the whole journal.
        served: the saga's definition, where it is served.
        contract: finds the contracts at hand.
        group: which kinds, a key of :data:`GROUPS`; any other text stands for all.
        text: what each must hold somewhere, in capitals or not.
    """
    parts, wanted = GROUPS.get(group, ()), text.casefold().strip()
    views = journal_view(entries, served, contract)
    of_kind = [view for view in views if not parts or any(part in view.kind for part in parts)]
    if wanted:
        found = [row for row in map(_row, of_kind) if wanted in _text(row)]
        return JournalPage(_with_days(found[-MOST_ROWS:]), len(found), len(entries))
    return JournalPage(_with_days([_row(view) for view in of_kind[-MOST_ROWS:]]), len(of_kind), len(entries))


def _with_days(rows: list[JournalRow]) -> list[JournalRow]:
    days = [day(row.at) for row in rows]
    return [
        row._replace(day="" if before == today else today)
        for row, before, today in zip(rows, ["", *days], days, strict=False)
    ]


def _row(view: JournalEntry) -> JournalRow:
    payload = view.unreadable or (_payload(view.payload) if view.HasField("payload") else "")
    step = step_of(view.key or view.reason.step_key)
    at = view.at.ToNanoseconds()
    return JournalRow(view.sequence, at, "", clock(at, exact=True), view.kind, step, _told(view), payload)


def _told(view: JournalEntry) -> str:
    parts = [view.value, view.signal and f"signal {view.signal}"]
    if view.attempt > 1 or view.HasField("error"):
        parts.append(f"attempt {view.attempt}")
    if view.HasField("took_effect"):
        parts.append("took effect" if view.took_effect else "had no effect")
    if view.how:
        parts.append(f"ended by {view.how.lower()}")
    if view.reason.requested_by:
        parts.append(f"by {view.reason.requested_by}")
    if view.by:
        parts.append(f"by {view.by}")
    why = ""
    if view.HasField("error"):
        info = error_details_pb2.ErrorInfo()
        reason = next((f" ({info.reason})" for detail in view.error.details if detail.Unpack(info)), "")
        why = f"{Code.Name(view.error.code)}{reason}: {view.error.message}"
    elif view.reason.code:
        why = f"{view.reason.code}: {view.reason.message}"
    return ": ".join(filter(None, (", ".join(filter(None, parts)), why)))


def _payload(packed: AnyMessage) -> str:
    try:
        kind = symbol_database.Default().GetSymbol(packed.TypeName())
        return as_json(kind.FromString(packed.value))
    except (KeyError, DecodeError, json_format.Error):
        return f"{packed.TypeName()}, {len(packed.value)} bytes"


def _text(row: JournalRow) -> str:
    return f"{row.kind} {row.step} {row.told} {row.payload}".casefold()
