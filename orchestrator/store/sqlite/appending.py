"""Writes appends into an open transaction, behind the fence.

One process has the file for itself (:func:`~orchestrator.store.sqlite.database.lock`), and all of its writes come
through here; so who holds which claim, and how long each journal is, is known without asking the file. Whatever
changes claims besides, or takes a transaction back, makes this forget.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgpack

from orchestrator.engine.codec import Row, decode, encode
from orchestrator.engine.state import UNFINISHED, Status
from orchestrator.errors import ClaimLost, SagaExists, SequenceConflict
from orchestrator.store.sqlite.queries import queries

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from orchestrator.engine.entries import Entry
    from orchestrator.engine.ports import Append


@dataclass(slots=True)
class _Held:
    """A saga as the file has it, or will have it with the transaction at hand."""

    row: int
    owner: str | None
    token: int
    status: Status
    sequence: int


class Appending:
    """The writing side of the journal's file."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._held: dict[str, _Held] = {}

    def forget(self) -> None:
        """Claims have changed, or a transaction was taken back: ask the file again."""
        self._held.clear()

    def write(self, append: Append) -> None:
        """Write the entries.

        Raises:
            SagaExists, ClaimLost, SequenceConflict: see the port; nothing was written.
        """
        held = self._create(append) if append.new is not None else self._fenced(append)
        sequence = append.expected_sequence + len(append.entries)
        self._database.execute(queries()["append_chunk"], (held.row, sequence, pack(append.entries)))
        held.sequence = sequence
        if append.status is not held.status or append.status not in UNFINISHED:
            self._change_status(held, append)
        if held.owner is None:
            del self._held[append.saga_id]

    def _create(self, append: Append) -> _Held:
        new, unfinished = append.new, append.status in UNFINISHED
        assert new is not None
        if append.expected_sequence:
            self._refuse_shorter(append)
        values = (
            append.saga_id,
            new.definition,
            new.version,
            append.status.value,
            append.owner if unfinished else None,
            append.token,
            new.digest,
            new.started_at,
            append.ended_at,
            json.dumps(dict(new.attributes)),
        )
        created = self._database.execute(queries()["create_saga"], values).fetchone()
        if created is None:
            raise SagaExists(append.saga_id, f"there is a saga {append.saga_id} already")
        if new.attributes:
            rows = [(name, value, created[0]) for name, value in new.attributes]
            self._database.executemany(queries()["create_attribute"], rows)
        held = _Held(created[0], append.owner if unfinished else None, append.token, append.status, 0)
        self._held[append.saga_id] = held
        return held

    def _refuse_shorter(self, append: Append) -> None:
        if self._look_up(append.saga_id) is None:
            raise SequenceConflict(f"saga {append.saga_id} is new, it holds no {append.expected_sequence} entries")

    def _fenced(self, append: Append) -> _Held:
        held = self._held.get(append.saga_id) or self._look_up(append.saga_id)
        if held is None or held.owner != append.owner or held.token != append.token:
            raise ClaimLost(f"saga {append.saga_id} is advanced by another replica")
        if held.sequence != append.expected_sequence:
            raise SequenceConflict(
                f"saga {append.saga_id} holds {held.sequence} entries, not {append.expected_sequence}"
            )
        self._held[append.saga_id] = held
        return held

    def _look_up(self, saga_id: str) -> _Held | None:
        row = self._database.execute(queries()["held_saga"], (saga_id,)).fetchone()
        if row is None:
            return None
        number, owner, token, status, sequence = row
        return _Held(number, owner, token, Status(status), sequence)

    def _change_status(self, held: _Held, append: Append) -> None:
        owner = append.owner if append.status in UNFINISHED else None
        values = (append.status.value, append.ended_at, owner, held.row)
        self._database.execute(queries()["change_status"], values)
        held.status, held.owner = append.status, owner


def pack(entries: Sequence[Entry]) -> bytes:
    """The entries of one append as the file keeps them."""
    return bytes(msgpack.packb([encode(entry) for entry in entries]))


def unpack(chunk: bytes) -> list[Entry]:
    """The entries of a chunk."""
    return [decode(Row._make(row)) for row in msgpack.unpackb(chunk)]
