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
from orchestrator.engine.sagas import Waiting, WaitReason
from orchestrator.journal.codec import Row, decode, encode
from orchestrator.journal.events import HeldEvent, OutboxEvent
from orchestrator.journal.outcome import Completed, Failure, Outcome, Rejected, Retry, Unknown
from orchestrator.ports.outbox import KeptEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.entries import Entry

_PIECE_BYTES = 1_500_000
_LARGE_BYTES = 64_000
_KINDS = {kind.__name__: kind for kind in (Rejected, Retry, Unknown)}


class Answered(NamedTuple):
    """What an activity that makes an attempt comes to.

    Attributes:
        outcome: of the attempt.
        ended_at: when, nanoseconds since the epoch, UTC.
    """

    outcome: Outcome
    ended_at: int


class Live(NamedTuple):
    """What is written down of a saga that is being advanced, where nothing else takes it along.

    Attributes:
        delta: a part of its journal.
        waiting: what it waits for before it sends something.
        backs_off: an attempt waits for its backoff to end.
    """

    delta: bytes
    waiting: list[Waiting]
    backs_off: bool


def write_delta(first: int, entries: Sequence[Entry]) -> bytes:
    """A part of a journal, whose first entry has ``first`` entries before it.

    Large payloads follow as they are: a workflow's task may not take long, and to compress them would.
    """
    large: list[bytes] = []

    def put(value: object) -> object:
        if not isinstance(value, bytes) or len(value) < _LARGE_BYTES:
            return _as_text(value)
        large.append(value)
        return {"n": len(value)}

    rows = [[put(value) for value in encode(entry)] for entry in entries]
    head = zlib.compress(json.dumps([first, rows]).encode(), 1)
    return b"".join((len(head).to_bytes(4, "big"), head, *large))


def cut(delta: bytes) -> list[bytes]:
    """A part of a journal in pieces, to be put together again by :class:`Pieces`."""
    slices = [delta[at : at + _PIECE_BYTES] for at in range(0, len(delta), _PIECE_BYTES)]
    last = len(slices) - 1
    return [
        (b"<" if not number else b"+") + (b">" if number == last else b"+") + each for number, each in enumerate(slices)
    ]


class Pieces:
    """Puts parts of a journal together that come in pieces, one after another, among others that come whole."""

    def __init__(self) -> None:
        self._held = b""

    def add(self, data: bytes) -> bytes:
        """The part of which this is the last piece, or the whole; empty where more is to come, or nothing is."""
        if data[:1] not in {b"<", b"+"}:
            return data
        self._held = (b"" if data[:1] == b"<" else self._held) + data[2:]
        return self._held if data[1:2] == b">" else b""


def read_delta(data: bytes) -> tuple[int, list[Entry]]:
    """How many entries stand before a part of a journal, and the part."""
    at = 4 + int.from_bytes(data[:4], "big")
    first, rows = json.loads(zlib.decompress(data[4:at]))

    def take(value: Any) -> Any:  # noqa: ANN401 - a column of a row
        nonlocal at
        if not isinstance(value, dict) or "n" not in value:
            return _as_value(value)
        at += value["n"]
        return data[at - value["n"] : at]

    return first, [decode(Row(*map(take, row))) for row in rows]


def write_events(events: Sequence[KeptEvent]) -> bytes:
    """Events with their places, of which a sink is to be told."""
    rows = [[kept.position, *map(_as_text, kept.event)] for kept in events]
    return zlib.compress(json.dumps(rows).encode(), 1)


def read_events(data: bytes) -> list[KeptEvent]:
    """From that part."""
    rows = json.loads(zlib.decompress(data))
    return [KeptEvent(position, OutboxEvent(*map(_as_value, row))) for position, *row in rows]


def taken_of(result: object, batch: int) -> int:
    """How many events are over once a sink was told some.

    Args:
        result: what the telling came to. A person may have said it with a tool of Temporal: whatever is no number of
            events stands for the first one.
        batch: how many events there were.
    """
    return result if isinstance(result, int) and 0 <= result <= batch else 1


def write_live(delta: bytes, waiting: Sequence[Waiting], *, backs_off: bool) -> bytes:
    """A part of a journal, and what a saga waits for before it sends something."""
    waits = [[each.reason.value, *each[1:6], list(each.failure or ()), *each[7:]] for each in waiting]
    return write(backs_off=backs_off, waiting=waits) + b"\n" + delta


def read_live(data: bytes) -> Live:
    """From that."""
    head, _, delta = data.partition(b"\n")
    about = read(head)
    return Live(delta, [_waiting(each) for each in about["waiting"]], about["backs_off"])


def _waiting(told: list[Any]) -> Waiting:
    reason, key, service, attempt, since, until, failure, signal, message_type = told
    failed = Failure(StatusCode[failure[0]], *failure[1:]) if failure else None
    return Waiting(WaitReason(reason), key, service, attempt, since, until, failed, signal, message_type)


def write_answer(answered: Answered) -> bytes:
    """What an attempt has come to; with what a child has left to its parent to tell."""
    outcome = answered.outcome
    kind = type(outcome).__name__
    about: dict[str, Any] = {"kind": kind, "ended_at": answered.ended_at}
    if isinstance(outcome, Completed):
        if outcome.events:
            about["events"] = held_rows(outcome.events)
        return json.dumps(about).encode() + b"\n" + outcome.reply
    return json.dumps(about | {"outcome": outcome._asdict()}).encode() + b"\n"


def read_answer(data: bytes) -> Answered:
    """From that answer."""
    head, _, reply = data.partition(b"\n")
    about = json.loads(head)
    outcome: Outcome = Completed(reply, held_of(about.get("events", ())))
    if about["kind"] in _KINDS:
        told = about["outcome"]
        code, message, reason = told["failure"]
        failure = Failure(StatusCode[code], message, reason)
        outcome = _KINDS[about["kind"]](**{**told, "failure": failure})
    return Answered(outcome, about["ended_at"])


def held_rows(events: Sequence[HeldEvent]) -> list[list[object]]:
    """What a child has left to its parent to tell, among the values of JSON."""
    return [list(map(_as_text, each)) for each in events]


def held_of(rows: Sequence[Sequence[Any]]) -> tuple[HeldEvent, ...]:
    """From those rows."""
    return tuple(HeldEvent(*map(_as_value, each)) for each in rows)


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
