"""What the guard remembers of each command: one row of the table ``guard`` for each idempotency key.

The statements are written once, for SQLite and PostgreSQL, with named parameters; each store gives them its own form.
"""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_UNIQUE_VIOLATION: Final = "23505"
_DUPLICATE_SQLITE: Final = frozenset({sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE})
_TYPES: Final = {
    "sqlite": {"bytes": "BLOB", "instant": "DATETIME DEFAULT (CURRENT_TIMESTAMP)"},
    "postgresql": {"bytes": "BYTEA", "instant": "TIMESTAMP WITH TIME ZONE DEFAULT now()"},
}


class Outcome(StrEnum):
    """How a command ended at this service."""

    COMPLETED = "completed"
    REJECTED = "rejected"
    # A tombstone: the command's compensation came first, so the command must never take effect.
    COMPENSATED = "compensated"
    # A foreign service was or will be called for it, and has not answered yet, or never will.
    IN_DOUBT = "in doubt"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one idempotency key.

    Attributes:
        key: the idempotency key.
        method: the method that was called, or, of a tombstone, the compensation that left it.
        outcome: how it ended.
        request_digest: SHA-256 of the request; None for a tombstone.
        answer: the serialized reply or rejection; None for a tombstone, and for a command in doubt.
    """

    key: str
    method: str
    outcome: Outcome
    request_digest: bytes | None = None
    answer: bytes | None = None

    @classmethod
    def of_row(cls, row: Any) -> "Record":  # noqa: ANN401 - each store has rows of its own
        """The record that a row of ``FIND`` holds; some drivers give bytes as a memoryview."""
        key, method, outcome, digest, answer = row
        return cls(key, method, Outcome(outcome), digest and bytes(digest), None if answer is None else bytes(answer))

    def row(self) -> dict[str, object]:
        """The parameters of ``KEEP`` and ``SETTLE``."""
        return {
            "idempotency_key": self.key,
            "method": self.method,
            "outcome": self.outcome.value,
            "request_digest": self.request_digest,
            "answer": self.answer,
        }


class KeyTakenError(Exception):
    """Another transaction recorded the key first; run the whole transaction again to read that record."""


CHECKS: Final = {
    "guard_outcome": "outcome IN ('completed', 'rejected', 'compensated', 'in doubt')",
    "guard_tombstone_has_no_request": "(outcome = 'compensated') = (request_digest IS NULL)",
    "guard_answer_is_known": "(outcome IN ('compensated', 'in doubt')) = (answer IS NULL)",
}
"""What the database itself checks of every row, by the name of the constraint."""

FIND: Final = (
    "SELECT idempotency_key, method, outcome, request_digest, answer FROM guard WHERE idempotency_key IN (:key, :other)"
)
KEEP: Final = (
    "INSERT INTO guard (idempotency_key, method, outcome, request_digest, answer)"
    " VALUES (:idempotency_key, :method, :outcome, :request_digest, :answer)"
)
SETTLE: Final = (
    "UPDATE guard SET outcome = :outcome, answer = :answer"
    " WHERE idempotency_key = :idempotency_key AND outcome = 'in doubt'"
)
FORGET: Final = "DELETE FROM guard WHERE idempotency_key = :key AND outcome = 'in doubt'"
# It changes no row, and makes SQLite take its write lock as the first thing in a transaction.
LOCK_SQLITE: Final = "DELETE FROM guard WHERE 1 = 0"


def table_ddl(database: str) -> str:
    """The statement that creates the table ``guard``, for your own migrations.

    Args:
        database: ``sqlite`` or ``postgresql``.
    """
    checks = ", ".join(f"CONSTRAINT {name} CHECK ({check})" for name, check in CHECKS.items())
    return (
        "CREATE TABLE guard (idempotency_key TEXT NOT NULL, method TEXT NOT NULL, outcome TEXT NOT NULL,"
        " request_digest {bytes}, answer {bytes}, recorded_at {instant} NOT NULL,"
        " PRIMARY KEY (idempotency_key), {checks})"
    ).format(checks=checks, **_TYPES[database])


def is_duplicate(error: BaseException | None) -> bool:
    """Whether a driver's error says that the row's key is taken; false for any other broken constraint."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) in _DUPLICATE_SQLITE
    return _UNIQUE_VIOLATION in {getattr(error, "sqlstate", None), getattr(error, "pgcode", None)}


def refuse_autocommit(connection: object) -> None:
    """Raise where a driver's connection commits each statement by itself: record and change would not be one."""
    if getattr(connection, "autocommit", False) is True:
        raise ValueError("the guard needs transactions: open its connections without autocommit")
