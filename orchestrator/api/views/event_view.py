"""Events, sinks and dead letters as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from orchestrator.api.views.journal_view import pack
from orchestrator.api.views.timestamps import timestamp
from orchestrator.contract.messages import event_class
from saga.v1 import event_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.any_pb2 import Any as AnyMessage

    from orchestrator.journal.events import OutboxEvent
    from orchestrator.ports.outbox import DeadLetter, KeptEvent, SinkAct, SinkRecord


def event_view(kept: KeptEvent) -> api.Event:
    """An event; without its message, where that is not known here."""
    event = kept.event
    return api.Event(
        position=kept.position,
        event_id=event.event_id,
        saga_id=event.saga_id,
        definition=event.definition,
        type=event.type,
        at=timestamp(event.at),
        provisional=event.provisional,
        payload=_payload(event),
    )


def sink_view(sink: SinkRecord, acts: Iterable[SinkAct]) -> api.EventSink:
    """A sink, and what was done to it."""
    return api.EventSink(
        name=sink.name,
        position=sink.position,
        owner=sink.owner or "",
        behind=sink.behind,
        oldest_at=None if sink.oldest_at is None else timestamp(sink.oldest_at),
        blocked_sagas=sink.blocked,
        dead_letters=sink.dead,
        failing_since=None if sink.failing_since is None else timestamp(sink.failing_since),
        error=sink.error,
        acts=[api.SinkAct(at=timestamp(act.at), act=act.act, requested_by=act.requested_by) for act in acts],
    )


def dead_letter_view(letter: DeadLetter) -> api.EventDeadLetter:
    """A dead letter."""
    return api.EventDeadLetter(
        position=letter.position,
        saga_id=letter.saga_id,
        attempts=letter.attempts,
        first_failed_at=timestamp(letter.first_failed_at),
        died_at=timestamp(letter.died_at),
        error=letter.error,
        retried=letter.due_at is not None,
    )


def _payload(event: OutboxEvent) -> AnyMessage | None:
    kind = event_class(event.type)
    if kind is None:
        return None
    try:
        return pack(kind.FromString(event.payload))
    except DecodeError:
        return None
