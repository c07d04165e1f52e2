"""Writes appends into an open transaction, behind the fence.

One process has the file for itself (:class:`~orchestrator.store.sqlite.locking.JournalLock`), and all of its writes
come through here; so who holds which claim, and how long each journal is, is known without asking the file. Whatever
changes claims besides, or takes a transaction back, makes this forget.

What many appends write into the same table is gathered and written by one statement, with :meth:`Appending.flush`:
that costs half of a statement each.

No other store shares this. What is known without asking may be wrong where several processes write, and a database
over a network is asked once for a batch, not once for a look-up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.journal.state import CLAIMABLE, ENDED, Status
from orchestrator.ports.retention import tombstone_key
from orchestrator.store.append_refusals import (
    claim_lost,
    new_and_not_empty,
    saga_deleted,
    saga_exists,
    sequence_conflict,
)
from orchestrator.store.rows.chunk import pack
from orchestrator.store.rows.figure_tally import NO_FAILURE, EndedSaga, failure_of, tally_end, tally_start
from orchestrator.store.rows.tombstones import tombstone_of
from orchestrator.store.sqlite.queries import queries

if TYPE_CHECKING:
    import sqlite3

    from orchestrator.errors import SagaExists
    from orchestrator.journal.cause import Cause
    from orchestrator.ports.journal import Append
    from orchestrator.store.rows.figure_tally import Tally


@dataclass(slots=True)
class _Held:
    """A saga as the file has it, or will have it with the transaction at hand."""

    row: int
    definition: str
    started_at: int
    owner: str | None
    token: int
    status: Status
    sequence: int
    ended_at: int | None = None
    failure: tuple[str, str] = NO_FAILURE


class Appending:
    """The writing side of the journal's file."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._held: dict[str, _Held] = {}
        self._chunks: list[tuple[int, int, bytes]] = []
        self._moves: list[tuple[int, int | None, str | None, int | None, int | None, int]] = []
        self._ended: dict[tuple[str, int], tuple[int, int]] = {}
        self._figures: Tally = {}
        self._events: list[tuple[object, ...]] = []
        statements = queries()
        self._create_saga = statements["create_saga"]
        self._append_chunk = statements["append_chunk"]
        self._change_status = statements["change_status"]
        self._count_ended = statements["count_ended"]
        self._count_figure = statements["count_figure"]

    def forget(self) -> None:
        """Claims have changed, or a transaction was taken back: ask the file again."""
        self._held.clear()
        self._chunks.clear()
        self._moves.clear()
        self._ended.clear()
        self._figures.clear()
        self._events.clear()

    def held(self) -> int:
        """How many sagas are known to be advanced here."""
        return len(self._held)

    def flush(self) -> None:
        """Write what was gathered."""
        if self._chunks:
            self._database.executemany(self._append_chunk, self._chunks)
            self._chunks.clear()
        if self._moves:
            self._database.executemany(self._change_status, self._moves)
            self._moves.clear()
        if self._ended:
            self._database.executemany(self._count_ended, [(*of, *counted) for of, counted in self._ended.items()])
            self._ended.clear()
        if self._figures:
            self._database.executemany(self._count_figure, [(*of, number) for of, number in self._figures.items()])
            self._figures.clear()
        if self._events:
            self._database.executemany(queries()["tell_event"], self._events)
            self._events.clear()

    def write(self, append: Append) -> None:
        """Write the entries, with the next :meth:`flush` at the latest.

        Raises:
            SagaExists, ClaimLost, SequenceConflict: see the port; nothing was written.
        """
        held = self._create(append) if append.new is not None else self._fenced(append)
        sequence = append.expected_sequence + len(append.entries)
        if append.entries:
            self._chunks.append((held.row, sequence, pack(append.entries)))
        held.sequence = sequence
        if append.outbox:
            self._events += map(tuple, append.outbox)
        if append.cause is not None:
            self._tell(held, append.cause)
        if append.status is not Status.RUNNING or held.status is not Status.RUNNING:
            self._move(held, append)
        if held.owner is None:
            del self._held[append.saga_id]

    def _create(self, append: Append) -> _Held:
        new, claimable = append.new, append.status in CLAIMABLE
        assert new is not None
        if append.expected_sequence:
            self._refuse_shorter(append)
        attributes = json.dumps(dict(new.attributes)) if new.attributes else "{}"
        values = (
            append.saga_id,
            new.definition,
            new.version,
            append.status.value,
            append.owner if claimable else None,
            append.token,
            new.digest,
            new.started_at,
            append.ended_at,
            attributes,
            *_due(append),
            tombstone_key(append.saga_id),
        )
        created = self._database.execute(self._create_saga, values)
        if not created.rowcount:
            raise self._there_before(append)
        row = created.lastrowid
        assert row is not None
        if new.attributes:
            rows = [(name, value, row) for name, value in new.attributes]
            self._database.executemany(queries()["create_attribute"], rows)
        owner = append.owner if claimable else None
        held = _Held(row, new.definition, new.started_at, owner, append.token, append.status, 0, append.ended_at)
        self._held[append.saga_id] = held
        tally_start(self._figures, held.definition, held.started_at)
        if append.status in ENDED:
            if append.cause is not None:
                held.failure = failure_of(append.cause)
            self._count(held)
        return held

    def _there_before(self, append: Append) -> SagaExists:
        key = tombstone_key(append.saga_id)
        row = self._database.execute(queries()["find_tombstone"], (key,)).fetchone()
        return saga_exists(append) if row is None else saga_deleted(append, tombstone_of(row))

    def _refuse_shorter(self, append: Append) -> None:
        if self._look_up(append.saga_id) is None:
            raise new_and_not_empty(append)

    def _fenced(self, append: Append) -> _Held:
        held = self._held.get(append.saga_id) or self._look_up(append.saga_id)
        if held is None or held.owner != append.owner or held.token != append.token:
            raise claim_lost(append)
        if held.sequence != append.expected_sequence:
            raise sequence_conflict(append, held.sequence)
        self._held[append.saga_id] = held
        return held

    def _look_up(self, saga_id: str) -> _Held | None:
        self.flush()
        row = self._database.execute(queries()["held_saga"], (saga_id,)).fetchone()
        if row is None:
            return None
        number, definition, started_at, owner, token, status, sequence, ended_at, *failure = row
        held = _Held(number, definition, started_at, owner, token, Status(status), sequence, ended_at)
        held.failure = failure[0], failure[1]
        return held

    def _move(self, held: _Held, append: Append) -> None:
        """Note another status, and end the claim to a saga that no replica has to advance now."""
        if append.status is held.status and append.status in CLAIMABLE:
            return
        owner = append.owner if append.status in CLAIMABLE else None
        self._moves.append((append.status.value, append.ended_at, owner, *_due(append), held.row))
        before, held.status, held.owner = held.status, append.status, owner
        if before is not held.status and before in ENDED:
            self._uncount(held, before)
        held.ended_at = append.ended_at
        if before is not held.status and held.status in ENDED:
            self._count(held)

    def _tell(self, held: _Held, cause: Cause) -> None:
        """Write down why a saga goes back, or waits for an operator."""
        held.failure = failure_of(cause)
        self._database.execute(queries()["tell_cause"], (held.row, *cause))

    def _count(self, held: _Held) -> None:
        """Note one more that has ended so."""
        self._tally(held, held.status, +1)
        of = held.definition, held.status.value
        number, oldest = self._ended.get(of, (0, held.started_at))
        self._ended[of] = number + 1, min(oldest, held.started_at)

    def _tally(self, held: _Held, status: Status, number: int) -> None:
        assert held.ended_at is not None, "it has not ended"
        ended = EndedSaga(held.definition, status, held.started_at, held.ended_at, held.failure)
        tally_end(self._figures, ended, number)

    def _uncount(self, held: _Held, before: Status) -> None:
        """Take one back that had completed, and is rolled back with its parent."""
        self.flush()
        self._tally(held, before, -1)
        values = {"definition": held.definition, "status": before.value, "started_at": held.started_at}
        self._database.execute(queries()["uncount_ended"], values)


def _due(append: Append) -> tuple[int | None, int | None]:
    """When the saga is woken, and when its turn comes, where it waits."""
    return (append.wake_at, append.turn_at) if append.status is Status.WAITING else (None, None)
