"""The journal of a saga as the API shows it: decoded, and masked where the contracts say so."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError

from orchestrator.api.views.timestamps import timestamp
from orchestrator.channels.grpc.status import status_of
from orchestrator.contract.redaction import redacted
from orchestrator.journal.entries import (
    CommandCompleted,
    CommandIntended,
    OutcomeResolved,
    SagaCompleted,
    SagaStarted,
)
from saga.v1 import saga_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

    from orchestrator.engine.bindings.bindings import Bindings
    from orchestrator.engine.definitions import ServedSaga
    from orchestrator.journal.entries import Entry


def journal_view(
    entries: Sequence[Entry],
    served: ServedSaga | None,
    bindings: Bindings,
    first: int = 1,
    most: int = sys.maxsize,
) -> list[saga_pb2.JournalEntry]:
    """The entries in order.

    Args:
        entries: the whole journal.
        served: the saga's definition, where it is served; without it, input and result are not shown.
        bindings: the contracts at hand; without its contract, a request or reply is not shown.
        first: the sequence of the first entry to show.
        most: how many to show at most.
    """
    methods = {entry.key: entry.method for entry in entries if isinstance(entry, CommandIntended)}
    return [
        _entry_view(sequence, entry, *_payload(entry, methods, served, bindings))
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


def _entry_view(sequence: int, entry: Entry, payload: Message | None, unreadable: str) -> saga_pb2.JournalEntry:
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
        unreadable=unreadable,
    )


def _payload(
    entry: Entry, methods: dict[str, str], served: ServedSaga | None, bindings: Bindings
) -> tuple[Message | None, str]:
    """What an entry carries, or why that cannot be read."""
    definition = served.definition if served else None
    match entry:
        case SagaStarted() if definition:
            return shown(definition.input, entry.input)
        case SagaCompleted() if definition:
            return shown(definition.result, entry.result)
        case CommandIntended():
            binding = bindings.by_name(entry.method)
            return shown(binding.command.request, entry.request) if binding else (None, "")
        case CommandCompleted() | OutcomeResolved():
            binding = bindings.by_name(methods[entry.key])
            return shown(binding.command.response, entry.reply) if binding and entry.reply else (None, "")
        case _:
            return None, ""
