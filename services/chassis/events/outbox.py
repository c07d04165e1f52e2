"""The outbox: events that wait to be sent, written in the transaction of the business change that they tell of.

Invariant: events about one thing are read in the order in which their transactions were committed, and none is skipped.
PostgreSQL hands out positions before it commits, so the transaction with the lower position may be committed later.
Therefore nobody reads beyond "the last position seen": a row is read until it is marked as sent. And a transaction that
publishes about a thing holds a lock on it until it ends, so that no later position of that thing is committed first.
SQLite has one writer, and needs no lock.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from google.protobuf.message import Message
from sqlalchemy import Connection, bindparam, delete, func, select, update

# SQLite writes ON CONFLICT DO NOTHING as PostgreSQL does.
from sqlalchemy.dialects.postgresql import insert

from orchestrator.participant.metadata import CallMetadata
from services.chassis.database import after_commit
from services.chassis.event import Event
from services.chassis.events.causes import current_cause
from services.chassis.events.tables import OUTBOX
from services.chassis.validation import refuse_invalid

LARGEST_BYTES: Final = 512 * 1024
"""Of an event's data; brokers refuse large messages, and one that is refused would hold up the others."""
_LOCK_SEED: Final = 50_802  # what is locked is an outbox's subject, and nothing else under the same number

_KEEP: Final = insert(OUTBOX).on_conflict_do_nothing(index_elements=["event_id"])
_UNSENT: Final = select(OUTBOX).where(OUTBOX.c.sent_at.is_(None)).order_by(OUTBOX.c.position).limit(bindparam("most"))
_BACKLOG: Final = select(func.count(), func.min(OUTBOX.c.at)).where(OUTBOX.c.sent_at.is_(None))
_MARK: Final = update(OUTBOX).where(OUTBOX.c.position == bindparam("sent")).values(sent_at=bindparam("instant"))
_RESEND: Final = update(OUTBOX).where(OUTBOX.c.sent_at.is_not(None)).values(sent_at=None)
_FORGET: Final = delete(OUTBOX).where(OUTBOX.c.sent_at < bindparam("before"))


class Waiting(NamedTuple):
    """An event in the outbox, and its position there."""

    position: int
    event: Event


class Backlog(NamedTuple):
    """What waits in the outbox.

    Attributes:
        events: how many.
        since: when the oldest of them was published, aware; ``None`` where none waits.
    """

    events: int
    since: datetime | None


def publish(connection: Connection, event: Message, *, about: str) -> str:
    """Tell others that something has happened, if the transaction of ``connection`` is committed.

    Args:
        connection: of the business change.
        event: the fact, in the past tense, such as ``StampCardFilled``.
        about: what it is about, such as an order's id: events about one thing keep their order. Empty for nothing in
            particular.

    Returns:
        the id of the event.

    Raises:
        InvalidRequest: the event breaks the constraints of its contract.
        ValueError: it is too large.
        LookupError: no call and no handler runs.
    """
    refuse_invalid(event, CallMetadata(), "")
    data = event.SerializeToString(deterministic=True)
    if len(data) > LARGEST_BYTES:
        raise ValueError(f"an event has {LARGEST_BYTES} bytes at most, and this one {len(data)}")
    cause = current_cause()
    if about and connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(about, _LOCK_SEED))))
    event_id = cause.next_id()
    row = {
        "event_id": event_id,
        "source": cause.source,
        "type": event.DESCRIPTOR.full_name,
        "subject": about,
        "traceparent": cause.traceparent,
        "at": cause.clock(),
        "data": data,
    }
    connection.execute(_KEEP, row)
    after_commit(cause.wake)
    return event_id


def unsent(connection: Connection, most: int) -> list[Waiting]:
    """The events that wait, in their order, so many at most."""
    return [
        Waiting(
            row.position,
            Event(row.event_id, row.source, row.type, row.subject, row.at, row.data, traceparent=row.traceparent),
        )
        for row in connection.execute(_UNSENT, {"most": most})
    ]


def backlog(connection: Connection) -> Backlog:
    """How much waits, and since when."""
    return Backlog(*connection.execute(_BACKLOG).one())


def mark_sent(connection: Connection, positions: Iterable[int], at: datetime) -> None:
    """The broker has these."""
    connection.execute(_MARK, [{"sent": position, "instant": at} for position in positions])


def forget_sent(connection: Connection, before: datetime) -> None:
    """Delete what was sent before that."""
    connection.execute(_FORGET, {"before": before})


def resend(connection: Connection) -> int:
    """Let all that was sent, and is still here, wait again; how many events that is."""
    return connection.execute(_RESEND).rowcount
