"""From the entries of a saga to what it writes into the outbox. Pure.

What the saga's code has published comes here when it is told, see :mod:`orchestrator.journal.events`. The events of a
saga's own life, that it started, completed, was compensated, is suspended, follow from one entry each: they are facts
as soon as that entry is durable. They say which saga it is and why it went back, and nothing of what it was started
with or answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from orchestrator.journal import entries as e
from orchestrator.journal.events import OutboxEvent, event_id
from orchestrator.journal.logged import root_traceparent
from orchestrator.journal.state import SagaState
from saga.v1 import events_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.events import EventState

_BILLION = 1_000_000_000
_LIFE = (e.SagaStarted, e.SagaCompleted, e.SagaCompensated, e.SagaPartiallyCompensated, e.SagaSuspended)


def told_event(state: SagaState, event: EventState) -> OutboxEvent:
    """An event of the saga's code, or of a child's, as it stands in the outbox."""
    return OutboxEvent(
        event_id(event.saga_id, event.key),
        event.saga_id,
        event.definition,
        event.type,
        event.at,
        event.provisional,
        root_traceparent(state),
        event.payload,
    )


def life_event(state: SagaState, entry: Entry, sequence: int) -> OutboxEvent | None:
    """The event of the saga's life that an entry is; ``None`` where it is none.

    Args:
        state: with the entry applied.
        entry: the entry.
        sequence: its place in the journal, from 1.
    """
    if not isinstance(entry, _LIFE):
        return None
    message = _message(state, entry)
    kind = message.DESCRIPTOR.full_name
    return OutboxEvent(
        event_id(state.saga_id, f"life:{sequence}"),
        state.saga_id,
        state.definition,
        kind,
        entry.at,
        False,
        root_traceparent(state),
        message.SerializeToString(deterministic=True),
    )


def _message(state: SagaState, entry: Entry) -> Message:
    saga = events_pb2.ToldSaga(
        saga_id=state.saga_id,
        definition=state.definition,
        version=state.version,
        parent_id=state.parent_id,
        attributes=dict(state.attributes),
        started_at=_timestamp(state.started_at),
    )
    match entry:
        case e.SagaStarted():
            return events_pb2.SagaStarted(saga=saga)
        case e.SagaCompleted():
            return events_pb2.SagaCompleted(saga=saga, completed_at=_timestamp(entry.at))
        case e.SagaCompensated():
            return events_pb2.SagaCompensated(saga=saga, compensated_at=_timestamp(entry.at), why=_why(state))
        case e.SagaPartiallyCompensated():
            return events_pb2.SagaPartiallyCompensated(saga=saga, ended_at=_timestamp(entry.at), why=_why(state))
        case e.SagaSuspended():
            return events_pb2.SagaSuspended(saga=saga, suspended_at=_timestamp(entry.at), why=_why(state))
        case _:
            raise AssertionError(f"{type(entry).__name__} is no event of a saga's life")


def _why(state: SagaState) -> events_pb2.Why | None:
    cause = state.cause
    return None if cause is None else events_pb2.Why(code=cause.code, command=cause.command)


def _timestamp(at: int) -> Timestamp:
    return Timestamp(seconds=at // _BILLION, nanos=at % _BILLION)


def outbox_of(saga_id: str, entries: Sequence[Entry], after: int, *, tells_life: bool) -> list[OutboxEvent]:
    """What the entries of a saga tell, after so many of them: the same as was written with them.

    Args:
        saga_id: of the saga.
        entries: all of them, from the first.
        after: so many were written before.
        tells_life: the life of the saga is told, too.
    """
    state = SagaState(saga_id)
    outbox: list[OutboxEvent] = []
    for sequence, entry in enumerate(entries, start=1):
        entry.apply(state)
        told = [told_event(state, event) for event in state.events.take()]
        if tells_life and (life := life_event(state, entry, sequence)):
            told.append(life)
        if sequence > after:
            outbox += told
    return outbox
