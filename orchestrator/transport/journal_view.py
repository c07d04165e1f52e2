"""The journal of a saga as the API shows it: decoded, and masked where the contracts say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.any_pb2 import Any as AnyMessage

from orchestrator.contract.redaction import redacted
from orchestrator.engine.entries import (
    CommandCompleted,
    CommandIntended,
    OutcomeResolved,
    SagaCompleted,
    SagaStarted,
)
from orchestrator.transport.instants import timestamp
from orchestrator.transport.status import status_of
from saga.v1 import saga_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

    from orchestrator.engine.bindings import Bindings
    from orchestrator.engine.entries import Entry
    from orchestrator.engine.served import ServedSaga


def journal_view(
    entries: Sequence[Entry], served: ServedSaga | None, bindings: Bindings
) -> list[saga_pb2.JournalEntry]:
    """Every entry in order.

    Args:
        entries: the whole journal.
        served: the saga's definition, where it is served; without it, input and result are not shown.
        bindings: the contracts at hand; without its contract, a request or reply is not shown.
    """
    methods = {entry.key: entry.method for entry in entries if isinstance(entry, CommandIntended)}
    return [
        _entry_view(sequence, entry, _payload(entry, methods, served, bindings))
        for sequence, entry in enumerate(entries, start=1)
    ]


def pack(message: Message) -> AnyMessage:
    """A message that may be shown, in an Any."""
    packed = AnyMessage()
    packed.Pack(redacted(message))
    return packed


def _entry_view(sequence: int, entry: Entry, payload: Message | None) -> saga_pb2.JournalEntry:
    reason = getattr(entry, "reason", None)
    failure = getattr(entry, "failure", None)
    return saga_pb2.JournalEntry(
        sequence=sequence,
        at=timestamp(entry.at),
        kind=type(entry).__name__,
        key=getattr(entry, "key", ""),
        method=getattr(entry, "method", ""),
        attempt=getattr(entry, "attempt", 0),
        payload=None if payload is None else pack(payload),
        error=None if failure is None else status_of(failure),
        reason=None if reason is None else saga_pb2.Reason(**reason._asdict()),
        took_effect=getattr(entry, "took_effect", None),
        value=getattr(entry, "value", ""),
    )


def _payload(entry: Entry, methods: dict[str, str], served: ServedSaga | None, bindings: Bindings) -> Message | None:
    definition = served.definition if served else None
    match entry:
        case SagaStarted() if definition:
            return _read(definition.input, entry.input)
        case SagaCompleted() if definition:
            return _read(definition.result, entry.result)
        case CommandIntended():
            binding = bindings.by_name(entry.method)
            return _read(binding.command.request, entry.request) if binding else None
        case CommandCompleted() | OutcomeResolved():
            binding = bindings.by_name(methods[entry.key])
            return _read(binding.command.response, entry.reply) if binding and entry.reply else None
        case _:
            return None


def _read(kind: type[Message], serialized: bytes) -> Message:
    return kind.FromString(serialized)
