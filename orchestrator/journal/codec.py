"""Entries as rows: the one shape in which every store keeps them.

A row is flat, so that a store binds it as it is and nothing is serialized twice: requests and replies are
the bytes that went over the wire. What is rare is JSON in ``detail``. Golden journals in ``tests/golden`` hold
this module to what it once wrote.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.events import HeldEvent
from orchestrator.journal.outcome import Failure
from orchestrator.journal.priority import Priority
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.waits import WaitEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.entries import Entry

    _Failed = e.CommandRefused | e.AttemptFailed | e.CommandAbandoned | e.CompensationRejected


class Row(NamedTuple):
    """An entry as the stores keep it.

    Attributes:
        kind: which entry it is; see ``_DECODERS``.
        at: nanoseconds since the epoch, UTC.
        key: the command's key, where the entry is about one.
        method: the full name of the rpc, where the entry names one.
        effect: the number of the effect, where the entry states one.
        attempt: which attempt it was, where the entry is about one.
        started_at: when that attempt started, nanoseconds since the epoch, UTC.
        payload: a serialized request, reply, input or result.
        detail: everything else, as JSON.
    """

    kind: int
    at: int
    key: str | None = None
    method: str | None = None
    effect: int | None = None
    attempt: int | None = None
    started_at: int | None = None
    payload: bytes | None = None
    detail: str | None = None


def encode(entry: Entry) -> Row:
    """The row of an entry."""
    encoder = _ENCODERS.get(type(entry))
    if encoder is None:
        encoder = _ENCODERS[type(entry)] = _encoder_of(entry)
    return encoder(entry)


def decode(row: Row) -> Entry:
    """The entry of a row.

    Raises:
        ValueError: the row's kind is not known: a newer version wrote it.
    """
    decoder = _DECODERS.get(row.kind)
    if decoder is None:
        raise ValueError(f"entry of unknown kind {row.kind}: the journal was written by a newer version")
    return decoder(row)


def name_of(entry: Entry) -> str:
    """What exports and the API call the kind of an entry: it does not change when the class does."""
    kind = type(entry)
    return _NAMES.get(kind, kind.__name__)


def _started(entry: e.SagaStarted) -> Row:
    detail: dict[str, Any] = {
        "definition": entry.definition,
        "version": entry.version,
        "traceparent": entry.traceparent,
        "sampled": entry.sampled,
        "attributes": dict(entry.attributes),
    }
    if entry.deadline_at or entry.forward_until:
        detail |= {"deadline_at": entry.deadline_at, "forward_until": entry.forward_until}
    if entry.parent_id:
        detail["parent_id"] = entry.parent_id
    if entry.started_by:
        detail["started_by"] = entry.started_by._asdict()
    return Row(1, entry.at, payload=entry.input, detail=json.dumps(detail))


def _read_started(row: Row) -> e.SagaStarted:
    detail = _detail(row)
    return e.SagaStarted(
        at=row.at,
        definition=detail["definition"],
        version=detail["version"],
        input=_payload(row),
        traceparent=detail["traceparent"],
        sampled=detail["sampled"],
        attributes=tuple(detail["attributes"].items()),
        deadline_at=detail.get("deadline_at", 0),
        forward_until=detail.get("forward_until", 0),
        parent_id=detail.get("parent_id", ""),
        started_by=Actor(**detail["started_by"]) if "started_by" in detail else None,
    )


def _intended(entry: e.CommandIntended) -> Row:
    best_effort = '{"best_effort": true}' if entry.best_effort else None
    return Row(2, entry.at, entry.key, entry.method, entry.effect.value, None, None, entry.request, best_effort)


def _read_intended(row: Row) -> e.CommandIntended:
    assert row.key is not None
    assert row.method is not None
    return e.CommandIntended(row.at, row.key, row.method, Effect(row.effect), _payload(row), row.detail is not None)


def _completed(entry: e.CommandCompleted) -> Row:
    return Row(3, entry.at, entry.key, None, None, entry.attempt, entry.started_at, entry.reply)


def _read_completed(row: Row) -> e.CommandCompleted:
    key, attempt, started_at = _attempt(row)
    return e.CommandCompleted(row.at, key, attempt, started_at, _payload(row))


def _failed(kind: int) -> Callable[[_Failed], Row]:
    def encode_failed(entry: _Failed) -> Row:
        detail = json.dumps(entry.failure._asdict())
        return Row(kind, entry.at, entry.key, None, None, entry.attempt, entry.started_at, None, detail)

    return encode_failed


def _read_failed(make: Callable[[int, str, int, int, Failure], Entry]) -> Callable[[Row], Entry]:
    def decode_failed(row: Row) -> Entry:
        key, attempt, started_at = _attempt(row)
        return make(row.at, key, attempt, started_at, _failure(_detail(row)))

    return decode_failed


def _failure(detail: dict[str, Any]) -> Failure:
    return Failure(**{**detail, "code": StatusCode[detail["code"]]})


def _attempt_failed(entry: e.AttemptFailed) -> Row:
    row = _failed(5)(entry)
    return row._replace(detail=json.dumps({**entry.failure._asdict(), "harmless": True})) if entry.harmless else row


def _read_attempt_failed(row: Row) -> e.AttemptFailed:
    key, attempt, started_at = _attempt(row)
    detail = _detail(row)
    harmless = detail.pop("harmless", False)
    return e.AttemptFailed(row.at, key, attempt, started_at, _failure(detail), harmless)


def _resolved(entry: e.OutcomeResolved) -> Row:
    detail = json.dumps({**_told(entry.reason), "took_effect": entry.took_effect})
    return Row(16, entry.at, entry.key, payload=entry.reply, detail=detail)


def _read_resolved(row: Row) -> e.OutcomeResolved:
    assert row.key is not None
    detail = _detail(row)
    took_effect = detail.pop("took_effect")
    return e.OutcomeResolved(row.at, row.key, took_effect, _payload(row), _reason(detail))


def _proposed(entry: e.ActProposed) -> Row:
    return Row(40, entry.at, entry.key, detail=json.dumps({**_told(entry.reason), "proposal": entry.proposal}))


def _read_proposed(row: Row) -> e.ActProposed:
    assert row.key is not None
    detail = _detail(row)
    proposal = detail.pop("proposal")
    return e.ActProposed(row.at, row.key, proposal, _reason(detail))


def _told(reason: Reason) -> dict[str, Any]:
    seldom = ("request_id", "authority", "peer")
    return {name: value for name, value in reason._asdict().items() if value or name not in seldom}


def _reason(detail: dict[str, Any]) -> Reason:
    return Reason(**{**detail, "code": ReasonCode(detail["code"])})


def _decided(kind: int) -> Callable[[Any], Row]:
    return lambda entry: Row(kind, entry.at, entry.key, detail=json.dumps(_told(entry.reason)))


def _read_decided(make: Callable[[int, str, Reason], Entry]) -> Callable[[Row], Entry]:
    def decode_decided(row: Row) -> Entry:
        assert row.key is not None
        return make(row.at, row.key, _reason(_detail(row)))

    return decode_decided


def _read_value(row: Row) -> e.ValueRecorded:
    assert row.key is not None
    return e.ValueRecorded(row.at, row.key, row.detail or "")


def _read_reasoned(make: Callable[[int, Reason], Entry]) -> Callable[[Row], Entry]:
    return lambda row: make(row.at, _reason(_detail(row)))


def _reasoned(kind: int) -> Callable[[Any], Row]:
    return lambda entry: Row(kind, entry.at, detail=json.dumps(_told(entry.reason)))


def _compensation_began(entry: e.CompensationBegan) -> Row:
    return Row(8, entry.at, entry.key, entry.method, payload=entry.request)


def _read_compensation_began(row: Row) -> e.CompensationBegan:
    assert row.key is not None
    assert row.method is not None
    return e.CompensationBegan(row.at, row.key, row.method, None if row.payload is None else bytes(row.payload))


def _compensation_completed(entry: e.CompensationCompleted) -> Row:
    return Row(9, entry.at, entry.key, None, None, entry.attempt, entry.started_at)


def _recovered(entry: e.SagaRecovered) -> Row:
    return Row(11, entry.at, detail=json.dumps({"owner": entry.owner}))


def _wait_began(entry: e.WaitBegan) -> Row:
    detail = {"signal": entry.signal, "message_type": entry.message_type, "due_at": entry.due_at}
    return Row(23, entry.at, entry.key, detail=json.dumps({name: value for name, value in detail.items() if value}))


def _read_wait_began(row: Row) -> e.WaitBegan:
    assert row.key is not None
    return e.WaitBegan(row.at, row.key, **_detail(row))


def _signal_received(entry: e.SignalReceived) -> Row:
    by = entry.requested_by
    detail = {
        "request_id": entry.request_id,
        "name": entry.name,
        "message_type": entry.message_type,
        "requested_by": by.name,
    }
    detail |= {name: value for name, value in (("authority", by.authority), ("peer", by.peer)) if value}
    return Row(24, entry.at, payload=entry.payload, detail=json.dumps(detail))


def _read_signal_received(row: Row) -> e.SignalReceived:
    detail = _detail(row)
    by = Actor(detail.pop("requested_by"), detail.pop("authority", ""), detail.pop("peer", ""))
    return e.SignalReceived(row.at, payload=_payload(row), requested_by=by, **detail)


def _wait_ended(entry: e.WaitEnded) -> Row:
    detail = {"how": entry.how} | ({"request_id": entry.request_id} if entry.request_id else {})
    return Row(25, entry.at, entry.key, detail=json.dumps(detail))


def _read_wait_ended(row: Row) -> e.WaitEnded:
    assert row.key is not None
    detail = _detail(row)
    return e.WaitEnded(row.at, row.key, WaitEnd(detail["how"]), detail.get("request_id", ""))


def _woken(entry: e.SagaWoken) -> Row:
    return Row(27, entry.at, detail=json.dumps({"owner": entry.owner, "why": entry.why}))


def _queued(entry: e.SagaQueued) -> Row:
    return Row(30, entry.at, detail=json.dumps({"priority": entry.priority.name, "turn_at": entry.turn_at}))


def _read_queued(row: Row) -> e.SagaQueued:
    detail = _detail(row)
    return e.SagaQueued(row.at, Priority[detail["priority"]], detail["turn_at"])


def _published(entry: e.EventPublished) -> Row:
    at_once = {"at_once": True} if entry.at_once else {}
    detail = json.dumps({"type": entry.type, **at_once})
    return Row(35, entry.at, entry.key, payload=entry.payload, detail=detail)


def _read_published(row: Row) -> e.EventPublished:
    assert row.key is not None
    detail = _detail(row)
    return e.EventPublished(row.at, row.key, detail["type"], _payload(row), detail.get("at_once", False))


def _handed_on(entry: e.EventsHandedOn) -> Row:
    events = [{**each._asdict(), "payload": b64encode(each.payload).decode()} for each in entry.events]
    return Row(36, entry.at, entry.key, detail=json.dumps({"events": events}))


def _read_handed_on(row: Row) -> e.EventsHandedOn:
    assert row.key is not None
    events = _detail(row)["events"]
    held = tuple(HeldEvent(**{**each, "payload": b64decode(each["payload"])}) for each in events)
    return e.EventsHandedOn(row.at, row.key, held)


def _payload(row: Row) -> bytes:
    return bytes(row.payload or b"")


def _detail(row: Row) -> dict[str, Any]:
    return dict(json.loads(row.detail or "{}"))


def _command_queued(entry: e.CommandQueued) -> Row:
    detail = json.dumps({"expires_at": entry.expires_at, "until": entry.until})
    return Row(32, entry.at, entry.key, None, None, entry.attempt, entry.started_at, None, detail)


def _read_command_queued(row: Row) -> e.CommandQueued:
    return e.CommandQueued(row.at, *_attempt(row), **_detail(row))


def _attempt(row: Row) -> tuple[str, int, int]:
    assert row.key is not None
    assert row.attempt is not None
    assert row.started_at is not None
    return row.key, row.attempt, row.started_at


def _encoder_of(entry: Entry) -> Callable[[Any], Row]:  # noqa: C901, PLR0911, PLR0912 - a table that the type checker reads
    """What makes the row of an entry of this class; an entry that is missing here does not pass the type checker."""
    match entry:
        case e.SagaStarted():
            return _started
        case e.CommandIntended():
            return _intended
        case e.CommandQueued():
            return _command_queued
        case e.CommandCompleted():
            return _completed
        case e.CommandRefused():
            return _failed(4)
        case e.AttemptFailed():
            return _attempt_failed
        case e.CommandAbandoned():
            return _failed(6)
        case e.RollbackBegan():
            return _reasoned(7)
        case e.CompensationBegan():
            return _compensation_began
        case e.CompensationCompleted():
            return _compensation_completed
        case e.CompensationRejected():
            return _failed(10)
        case e.SagaRecovered():
            return _recovered
        case e.SagaCompleted():
            return lambda each: Row(12, each.at, payload=each.result)
        case e.SagaCompensated():
            return lambda each: Row(13, each.at)
        case e.SagaSuspended():
            return _reasoned(14)
        case e.SagaResumed():
            return _reasoned(15)
        case e.OutcomeResolved():
            return _resolved
        case e.CompensationSkipped():
            return _decided(17)
        case e.SagaPartiallyCompensated():
            return lambda each: Row(18, each.at)
        case e.RetryRequested():
            return _reasoned(19)
        case e.DeadlinePassed():
            return lambda each: Row(20, each.at)
        case e.ValueRecorded():
            return lambda each: Row(21, each.at, each.key, detail=each.value)
        case e.CompensationResolved():
            return _decided(22)
        case e.WaitBegan():
            return _wait_began
        case e.SignalReceived():
            return _signal_received
        case e.WaitEnded():
            return _wait_ended
        case e.SagaParked():
            return lambda each: Row(26, each.at, detail=json.dumps({"wake_at": each.wake_at}))
        case e.SagaWoken():
            return _woken
        case e.SagaQueued():
            return _queued
        case e.SagaAdmitted():
            return lambda each: Row(31, each.at, detail=json.dumps({"owner": each.owner}))
        case e.ActProposed():
            return _proposed
        case e.EventPublished():
            return _published
        case e.EventsHandedOn():
            return _handed_on
        case _:
            assert_never(entry)


# The numbers are kept in the stores: they are never changed and never used again.
_DECODERS: dict[int, Callable[[Row], Entry]] = {
    1: _read_started,
    2: _read_intended,
    3: _read_completed,
    4: _read_failed(e.CommandRefused),
    5: _read_attempt_failed,
    6: _read_failed(e.CommandAbandoned),
    7: _read_reasoned(e.RollbackBegan),
    8: _read_compensation_began,
    9: lambda row: e.CompensationCompleted(row.at, *_attempt(row)),
    10: _read_failed(e.CompensationRejected),
    11: lambda row: e.SagaRecovered(row.at, _detail(row)["owner"]),
    12: lambda row: e.SagaCompleted(row.at, _payload(row)),
    13: lambda row: e.SagaCompensated(row.at),
    14: _read_reasoned(e.SagaSuspended),
    15: _read_reasoned(e.SagaResumed),
    16: _read_resolved,
    17: _read_decided(e.CompensationSkipped),
    18: lambda row: e.SagaPartiallyCompensated(row.at),
    19: _read_reasoned(e.RetryRequested),
    20: lambda row: e.DeadlinePassed(row.at),
    21: _read_value,
    22: _read_decided(e.CompensationResolved),
    23: _read_wait_began,
    24: _read_signal_received,
    25: _read_wait_ended,
    26: lambda row: e.SagaParked(row.at, _detail(row)["wake_at"]),
    27: lambda row: e.SagaWoken(row.at, **_detail(row)),
    30: _read_queued,
    31: lambda row: e.SagaAdmitted(row.at, _detail(row)["owner"]),
    32: _read_command_queued,
    35: _read_published,
    36: _read_handed_on,
    40: _read_proposed,
}
_ENCODERS: dict[type[Any], Callable[[Any], Row]] = {}
"""Those that were needed so far: a look-up by class is several times as quick as the match."""

# ``CommandRejected`` is also what a saga's code catches, and a name stands for one class.
_NAMES: dict[type[Any], str] = {e.CommandRefused: "CommandRejected"}
