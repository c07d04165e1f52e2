"""Rows of what is kept of deleted sagas, and of those that have ended, as the port tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.journal.state import ENDED, Status
from orchestrator.ports.retention import EndedPage, EndedSaga, Tombstone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def tombstone_of(row: Iterable[Any]) -> Tombstone:
    """Each row is a key, the number of a status, when the saga ended and when it was deleted."""
    key, status, ended_at, deleted_at = row
    return Tombstone(bytes(key), Status(status), ended_at, deleted_at)


def row_of(tombstone: Tombstone) -> tuple[bytes, int, int, int]:
    """The row of a tombstone."""
    return tombstone.key, tombstone.status.value, tombstone.ended_at, tombstone.deleted_at


def page_of(rows: Sequence[Sequence[Any]], limit: int) -> EndedPage:
    """Each row is a saga's position, its id, its definition, the number of its status and when it ended, if it has."""
    sagas = [
        EndedSaga(saga_id, definition, Status(status), ended_at)
        for _, saga_id, definition, status, ended_at in rows
        if status is not None and Status(status) in ENDED and "/" not in saga_id
    ]
    return EndedPage(sagas, rows[-1][0] if len(rows) == limit else None)
