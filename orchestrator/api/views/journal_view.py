"""The journal of a saga as the API shows it: decoded, and masked where the contracts say so."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, assert_never

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError

from orchestrator.api.views.failure_view import status_of
from orchestrator.api.views.reason_view import actor_view, reason_view
from orchestrator.api.views.timestamps import timestamp
from orchestrator.contract.messages import event_class
from orchestrator.contract.redaction import redacted
from orchestrator.journal import entries as e
from orchestrator.journal.codec import name_of
from saga.v1 import saga_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.engine.sagas import Served
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Failure
    from orchestrator.journal.reason import Reason

    Contract = Callable[[str], Command | None]


_WithoutMessage = (
    e.ValueRecorded
    | e.EventsHandedOn
    | e.RollbackBegan
    | e.DeadlinePassed
    | e.SagaQueued
    | e.SagaAdmitted
    | e.SagaRecovered
    | e.SagaSuspended
    | e.SagaCompensated
    | e.SagaPartiallyCompensated
    | e.CommandQueued
    | e.AttemptFailed
    | e.CommandRefused
    | e.CommandAbandoned
    | e.CompensationCompleted
    | e.CompensationRejected
    | e.SagaResumed
    | e.RetryRequested
    | e.CompensationSkipped
    | e.CompensationResolved
    | e.WaitBegan
    | e.WaitEnded
    | e.SagaParked
    | e.SagaWoken
    | e.ActProposed
)
"""Entries that carry no message."""


def journal_view(
    entries: Sequence[Entry],
    served: Served | None,
    contract: Contract,
    first: int = 1,
    most: int = sys.maxsize,
) -> list[saga_pb2.JournalEntry]:
    """The entries in order.

    Args:
        entries: the whole journal.
        served: the saga's definition, where it is served; without it, input and result are not shown.
        contract: finds the contracts at hand; without its contract, a request or reply is not shown.
        first: the sequence of the first entry to show.
        most: how many to show at most.
    """
    methods = {entry.key: entry.method for entry in entries if isinstance(entry, e.CommandIntended)}
    return [
        _entry_view(sequence, entry, *_payload(entry, methods, served, contract))
        for sequence, entry in enumerate(entries[first - 1 : first - 1 + most], start=first)
    ]


def pack(message: Message) -> AnyMessage:
    """A message that may be shown, in an Any."""
    packed = AnyMessage()
    packed.Pack(redacted(message))
    return packed


def shown(kind: type[Message], serialized: bytes) -> tuple[Message | None, str]:
    """A message of the journal; where it is none, what there is instead: a journal keeps whatever was answered."""
    try:
        return kind.FromString(serialized), ""
    except DecodeError:
        return None, f"{len(serialized)} bytes that cannot be read as {kind.DESCRIPTOR.full_name}"


class _Told(NamedTuple):
    """What an entry says besides its instant and its kind."""

    key: str = ""
    method: str = ""
    attempt: int = 0
    failure: Failure | None = None
    reason: Reason | None = None
    took_effect: bool | None = None
    value: str = ""
    signal: str = ""
    due_at: int = 0
    how: str = ""
    request_id: str = ""
    by: str = ""
    actor: Actor | None = None


def _entry_view(sequence: int, entry: Entry, payload: Message | None, unreadable: str) -> saga_pb2.JournalEntry:
    told = _told(entry)
    return saga_pb2.JournalEntry(
        sequence=sequence,
        at=timestamp(entry.at),
        kind=name_of(entry),
        key=told.key,
        method=told.method,
        attempt=told.attempt,
        payload=None if payload is None else pack(payload),
        error=None if told.failure is None else status_of(told.failure),
        reason=actor_view(told.actor) if told.actor else reason_view(told.reason),
        took_effect=told.took_effect,
        value=told.value,
        unreadable=unreadable,
        signal=told.signal,
        due_at=timestamp(told.due_at) if told.due_at else None,
        how=told.how,
        request_id=told.request_id,
        by=told.by,
    )


def _told(entry: Entry) -> _Told:  # noqa: C901, PLR0911, PLR0912 - one way for each form of entry
    match entry:
        case e.CommandIntended() | e.CompensationBegan():
            return _Told(entry.key, entry.method)
        case e.CommandCompleted() | e.CompensationCompleted():
            return _Told(entry.key, attempt=entry.attempt)
        case e.CommandQueued():
            return _Told(entry.key, attempt=entry.attempt, due_at=entry.expires_at)
        case e.AttemptFailed() | e.CommandRefused() | e.CommandAbandoned() | e.CompensationRejected():
            return _Told(entry.key, attempt=entry.attempt, failure=entry.failure)
        case e.OutcomeResolved():
            return _Told(entry.key, reason=entry.reason, took_effect=entry.took_effect)
        case e.EventPublished():
            return _Told(entry.key, value="at once" if entry.at_once else "")
        case e.EventsHandedOn():
            return _Told(entry.key, value=", ".join(event.type for event in entry.events))
        case e.CompensationSkipped() | e.CompensationResolved() | e.ActProposed():
            return _Told(entry.key, reason=entry.reason)
        case e.RollbackBegan() | e.SagaSuspended() | e.SagaResumed() | e.RetryRequested():
            return _Told(reason=entry.reason)
        case e.ValueRecorded():
            return _Told(entry.key, value=entry.value)
        case e.WaitBegan():
            return _Told(entry.key, signal=entry.signal, due_at=entry.due_at)
        case e.SignalReceived():
            return _Told(signal=entry.name, request_id=entry.request_id, actor=entry.requested_by)
        case e.WaitEnded():
            return _Told(entry.key, how=entry.how, request_id=entry.request_id)
        case e.SagaParked():
            return _Told(due_at=entry.wake_at)
        case e.SagaWoken():
            return _Told(by=entry.owner, value=entry.why)
        case e.SagaQueued():
            return _Told(value=entry.priority.name.lower())
        case e.SagaStarted():
            return _Told(actor=entry.started_by)
        case e.SagaCompleted() | e.SagaCompensated() | e.SagaPartiallyCompensated():
            return _Told()
        case e.SagaRecovered() | e.SagaAdmitted() | e.DeadlinePassed():
            return _Told()
        case _:
            assert_never(entry)


def _payload(  # noqa: PLR0911 - one way for each form of entry
    entry: Entry, methods: dict[str, str], served: Served | None, contract: Contract
) -> tuple[Message | None, str]:
    """What an entry carries, or why that cannot be read."""
    if isinstance(entry, _WithoutMessage):
        return None, ""
    definition = served.definition if served else None
    match entry:
        case e.SagaStarted():
            return shown(definition.input, entry.input) if definition else (None, "")
        case e.SagaCompleted():
            return shown(definition.result, entry.result) if definition else (None, "")
        case e.CommandIntended():
            command = contract(entry.method)
            return shown(command.request, entry.request) if command else (None, "")
        case e.CommandCompleted() | e.OutcomeResolved():
            command = contract(methods[entry.key])
            return shown(command.response, entry.reply) if command and entry.reply else (None, "")
        case e.CompensationBegan():
            command = contract(entry.method)
            return shown(command.request, entry.request) if command and entry.request is not None else (None, "")
        case e.SignalReceived():
            kind = served.plan.signal_type(entry.name) if served else None
            return shown(kind, entry.payload) if kind is not None else (None, "")
        case e.EventPublished():
            event = event_class(entry.type)
            return shown(event, entry.payload) if event is not None else (None, "")
        case _:
            assert_never(entry)
