"""What the guard remembers of each command, and the statements that keep it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from services.chassis.engines import is_duplicate


class Outcome(StrEnum):
    """How a command ended at this service."""

    COMPLETED = "completed"
    REJECTED = "rejected"
    # A tombstone: the command's compensation came first, so the command must never take effect.
    COMPENSATED = "compensated"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one idempotency key.

    Attributes:
        key: the idempotency key.
        method: the method that was called, or, of a tombstone, the compensation that left it.
        outcome: how it ended.
        request_digest: SHA-256 of the request; None for a tombstone.
        answer: the serialized reply or rejection; None for a tombstone.
    """

    key: str
    method: str
    outcome: Outcome
    request_digest: bytes | None = None
    answer: bytes | None = None


class KeyTakenError(Exception):
    """Another transaction recorded the key first; run the whole transaction again to read that record."""


def guard_table(metadata: MetaData) -> Table:
    """Declare the guard's table in ``metadata``."""
    return Table(
        "guard",
        metadata,
        Column("idempotency_key", Text, primary_key=True),
        Column("method", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("request_digest", LargeBinary),
        Column("answer", LargeBinary),
        Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        CheckConstraint("outcome IN ('completed', 'rejected', 'compensated')", name="guard_outcome"),
        CheckConstraint(
            "(outcome = 'compensated') = (request_digest IS NULL) AND (outcome = 'compensated') = (answer IS NULL)",
            name="guard_tombstone_has_no_answer",
        ),
    )


_GUARD: Final = guard_table(MetaData())
_COLUMNS: Final = (
    _GUARD.c.idempotency_key,
    _GUARD.c.method,
    _GUARD.c.outcome,
    _GUARD.c.request_digest,
    _GUARD.c.answer,
)
# Built once: SQLAlchemy then finds their compiled form in its cache.
_FIND_ONE: Final = select(*_COLUMNS).where(_GUARD.c.idempotency_key == bindparam("key"))
_FIND_TWO: Final = select(*_COLUMNS).where(_GUARD.c.idempotency_key.in_((bindparam("key"), bindparam("other"))))
_KEEP: Final = insert(_GUARD)


def find(connection: Connection, key: str) -> Record | None:
    """The record of ``key``."""
    row = connection.execute(_FIND_ONE, {"key": key}).one_or_none()
    return None if row is None else Record(row[0], row[1], Outcome(row[2]), row[3], row[4])


def find_both(connection: Connection, key: str, other: str) -> tuple[Record | None, Record | None]:
    """The records of two keys, in one statement."""
    rows = connection.execute(_FIND_TWO, {"key": key, "other": other})
    records = {row[0]: Record(row[0], row[1], Outcome(row[2]), row[3], row[4]) for row in rows}
    return records.get(key), records.get(other)


def keep(connection: Connection, record: Record) -> None:
    """Record a key for good.

    Waits for a concurrent transaction that records the same key.

    Raises:
        KeyTakenError: the key has a record by now.
    """
    row = {
        "idempotency_key": record.key,
        "method": record.method,
        "outcome": record.outcome.value,
        "request_digest": record.request_digest,
        "answer": record.answer,
    }
    try:
        connection.execute(_KEEP, row)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise KeyTakenError(record.key) from error
