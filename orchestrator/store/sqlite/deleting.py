"""Deletes sagas that have ended, in an open transaction, and keeps a tombstone of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orchestrator.journal.state import ENDED, Status
from orchestrator.ports.retention import tombstone_key
from orchestrator.store.sqlite.queries import queries

if TYPE_CHECKING:
    import sqlite3


def delete_family(database: sqlite3.Connection, saga_id: str, now: int) -> bool:
    """Delete a saga and its family; whether there was one that has ended as a whole and that nobody has claimed."""
    statements = queries()
    rows = database.execute(statements["whole_family"], {"saga_id": saga_id}).fetchall()
    if not rows or any(Status(status) not in ENDED or owner is not None for _, _, _, status, owner, _, _ in rows):
        return False
    for row, member, definition, status, _, ended_at, attributes in rows:
        listed = [(name, value, row) for name, value in json.loads(attributes).items()]
        database.executemany(statements["delete_attribute"], listed)
        database.execute(statements["delete_chunks"], (row,))
        database.execute(statements["delete_cause"], (row,))
        database.execute(statements["delete_saga"], (row,))
        database.execute(statements["uncount_deleted"], (definition, status))
        database.execute(statements["keep_tombstone"], (tombstone_key(member), status, ended_at, now))
    return True
