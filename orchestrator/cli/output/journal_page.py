"""Shows the journal of a saga on a terminal: a line for each entry, and beneath it the request or the reply.

The API has already masked the fields that contracts mark ``debug_redact``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from google.rpc.code_pb2 import Code
from rich.text import Text

from orchestrator.cli.output.instants import day_text, time_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.cli.output.payloads import Payloads
    from saga.v1.saga_pb2 import JournalEntry

# The look of an entry by its kind: the first name that the kind contains counts.
_STYLES: Final = (
    ("Suspended", "bold red"),
    ("Rejected", "red"),
    ("Failed", "yellow"),
    ("Abandoned", "yellow"),
    ("Rollback", "bold magenta"),
    ("Compensation", "magenta"),
    ("Saga", "bold"),
    ("Completed", "green"),
)


def journal_lines(entries: Sequence[JournalEntry], payloads: Payloads) -> Iterator[Text]:
    """Two lines for an entry with a payload, one for any other."""
    width = max((len(entry.kind) for entry in entries), default=0)
    places = max((len(str(entry.sequence)) for entry in entries), default=0)
    for before, entry in pairwise([None, *entries]):
        assert entry is not None
        new_day = before is None or day_text(before.at) != day_text(entry.at)
        if new_day:
            yield Text(day_text(entry.at), style="dim")
        told = _told(entry)
        line = Text(f"{entry.sequence:>{places}}  {time_text(entry.at)}  ")
        line.append(f"{entry.kind:<{width}}" if told else entry.kind, _style(entry.kind))
        yield line.append(f"  {told}" if told else "")
        if entry.unreadable:
            yield Text(f"{'':>{places}}  {entry.unreadable}", style="dim")
        elif entry.HasField("payload"):
            yield Text(f"{'':>{places}}  {payloads.as_json(entry.payload)}", style="dim")


def _told(entry: JournalEntry) -> str:
    """The entry without its kind, such as ``EmailService.SendConfirmation#1, attempt 2: ABORTED: busy``."""
    parts = [entry.key or entry.reason.step_key, entry.value]
    if entry.attempt > 1 or entry.HasField("error"):
        parts.append(f"attempt {entry.attempt}")
    if entry.HasField("took_effect"):
        parts.append("took effect" if entry.took_effect else "had no effect")
    if entry.reason.requested_by:
        known = f" ({entry.reason.authority})" if entry.reason.authority else ""
        parts.append(f"by {entry.reason.requested_by}{known}")
    told = ", ".join(filter(None, parts))
    why = ""
    if entry.HasField("error"):
        why = f"{Code.Name(entry.error.code)}: {entry.error.message}"
    elif entry.reason.code:
        why = f"{entry.reason.code}: {entry.reason.message}"
    return ": ".join(filter(None, (told, why)))


def _style(kind: str) -> str:
    return next((style for part, style in _STYLES if part in kind), "")
