"""How entries, outcomes and acts are written into the payloads of a history. Payloads are bytes.

A part of a journal (a *delta*) names the sequence of its first entry: so the parts in a history are put together, and
one that is missing is noticed.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.codec import Row, decode, encode
from orchestrator.journal.events import HeldEvent, OutboxEvent
from orchestrator.journal.outcome import Completed, Failure, Outcome, Rejected, Retry, Unknown
from orchestrator.ports.outbox import KeptEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.entries import Entry

_KINDS = {kind.__name__: kind for kind in (Rejected, Retry, Unknown)}


class Answered(NamedTuple):
    """What an activity that makes an attempt comes to.

    Attributes:
        outcome: of the attempt.
        ended_at: when, nanoseconds since the epoch, UTC.
    """

    outcome: Outcome
    ended_at: int


def write_delta(first: int, entries: Sequence[Entry]) -> bytes:
    """A part of a journal, whose first entry has ``first`` entries before it."""
    rows = [[_as_text(value) for value in encode(entry)] for entry in entries]
    return zlib.compress(json.dumps([first, rows]).encode(), 1)


def read_delta(data: bytes) -> tuple[int, list[Entry]]:
    """How many entries stand before a part of a journal, and the part."""
    first, rows = json.loads(zlib.decompress(data))
    return first, [decode(Row(*map(_as_value, row))) for row in rows]


def write_events(events: Sequence[KeptEvent]) -> bytes:
    """Events with their places, of which a sink is to be told."""
    rows = [[kept.position, *map(_as_text, kept.event)] for kept in events]
    return zlib.compress(json.dumps(rows).encode(), 1)


def read_events(data: bytes) -> list[KeptEvent]:
    """From that part."""
    rows = json.loads(zlib.decompress(data))
    return [KeptEvent(position, OutboxEvent(*map(_as_value, row))) for position, *row in rows]


def write_answer(answered: Answered) -> bytes:
    """What an attempt has come to; with what a child has left to its parent to tell."""
    outcome = answered.outcome
    kind = type(outcome).__name__
    about: dict[str, Any] = {"kind": kind, "ended_at": answered.ended_at}
    if isinstance(outcome, Completed):
        if outcome.events:
            about["events"] = [list(map(_as_text, each)) for each in outcome.events]
        return json.dumps(about).encode() + b"\n" + outcome.reply
    return json.dumps(about | {"outcome": outcome._asdict()}).encode() + b"\n"


def read_answer(data: bytes) -> Answered:
    """From that answer."""
    head, _, reply = data.partition(b"\n")
    about = json.loads(head)
    events = tuple(HeldEvent(*map(_as_value, each)) for each in about.get("events", ()))
    outcome: Outcome = Completed(reply, events)
    if about["kind"] in _KINDS:
        told = about["outcome"]
        code, message, reason = told["failure"]
        failure = Failure(StatusCode[code], message, reason)
        outcome = _KINDS[about["kind"]](**{**told, "failure": failure})
    return Answered(outcome, about["ended_at"])


def write(**values: object) -> bytes:
    """A few values, as JSON."""
    return json.dumps(values).encode()


def read(data: bytes) -> dict[str, Any]:
    """From that JSON."""
    values: dict[str, Any] = json.loads(data)
    return values


def text_of(data: bytes | None) -> str | None:
    """Bytes among the values of JSON."""
    return None if data is None else base64.b64encode(data).decode()


def bytes_of(text: str | None) -> bytes | None:
    """From that text."""
    return None if text is None else base64.b64decode(text)


def _as_text(value: object) -> object:
    return {"b": text_of(value)} if isinstance(value, bytes) else value


def _as_value(value: Any) -> Any:  # noqa: ANN401 - a column of a row
    return bytes_of(value["b"]) if isinstance(value, dict) else value
