r"""The journal in one SQLite file, with group commit.

Purpose: one writer thread takes everything that waits, writes it in one transaction, and starts the next when that
one has ended, without a timer: alone, an append waits for one commit; under load, hundreds share one.
Invariant: a future is done only after the commit that holds its entries; appends keep the order of their calls.

::

    append() ──▶ waiting ──(writer thread: begin, write all, commit)──▶ futures done, in one wake-up of the loop
                    ▲                                    │
                    └──── gathers while a commit runs ◀──┘

A refused append (claim lost, sequence conflict, saga exists) has written nothing and does not disturb the others; nor
does one that SQLite cannot take, for then each is written alone. A failed commit (disk full) fails all of its appends,
and nothing of them is kept. Reads have a connection of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.engine.codec import Row, decode, encode
from orchestrator.engine.ports import Append, Claim, SagaFilter, SagaRecord
from orchestrator.engine.state import UNFINISHED, Status
from orchestrator.errors import ClaimLost, JournalUnavailable, OrchestratorError, SagaExists, SequenceConflict
from orchestrator.store.paging import decode_page_token, encode_page_token
from orchestrator.store.sqlite.database import connect, lock, migrate
from orchestrator.store.sqlite.queries import queries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.engine.entries import Entry

T = TypeVar("T")

_MOST_PER_COMMIT = 1000


class _Write:
    """Something that waits for the writer thread: an append, or any other statement."""

    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Append | Callable[[sqlite3.Connection], Any], done: asyncio.Future[Any]) -> None:
        self.work = work
        self.done = done
        self.result: Any = None
        self.error: Exception | None = None


class SqliteJournal:
    """A :class:`~orchestrator.engine.ports.Journal` in one file. Made by :meth:`open`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = lock(path)
        self._loop = asyncio.get_running_loop()
        self._closed = False
        with contextlib.ExitStack() as opened:
            opened.callback(self._lock.close)
            self._writing = opened.enter_context(contextlib.closing(connect(path)))
            migrate(self._writing)
            self._reading = opened.enter_context(contextlib.closing(connect(path)))
            try:
                # Only one process can be here, so whoever is written down as alive is dead.
                self._writing.execute(queries()["forget_replicas"])
            except sqlite3.Error as error:
                raise _unavailable(path, error) from None
            self._opened = opened.pop_all()
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-reader")
        self._writer = threading.Thread(target=self._write_all, name="journal-writer", daemon=True)
        self._writer.start()

    @classmethod
    async def open(cls, path: Path) -> SqliteJournal:
        """Open the file, making it and its folder if need be.

        Raises:
            JournalUnavailable: it cannot be opened, or another process has it.
        """
        return cls(path)

    def append(self, append: Append) -> asyncio.Future[None]:
        """See the port."""
        return self._submit(append)

    async def read(self, saga_id: str) -> list[Entry]:
        """See the port."""
        rows = await self._read(lambda db: db.execute(queries()["read_entries"], (saga_id,)).fetchall())
        return [decode(Row._make(row)) for row in rows]

    async def find(self, saga_id: str) -> SagaRecord | None:
        """See the port."""
        row = await self._read(lambda db: db.execute(queries()["find_saga"], (saga_id,)).fetchone())
        return None if row is None else _record(row)

    async def search(self, where: SagaFilter, limit: int, page_token: str) -> tuple[list[SagaRecord], str]:
        """See the port. The position of a page is the number of the last saga on the page before."""
        conditions, values = _conditions(where, decode_page_token(page_token))
        sql = queries()["search_sagas"].replace("%s", conditions)
        rows = await self._read(lambda db: db.execute(sql, (*values, limit + 1)).fetchall())
        token = encode_page_token(rows[limit - 1][0]) if len(rows) > limit else ""
        return [_record(row) for row in rows[:limit]], token

    async def heartbeat(self, owner: str, now: int, lease: int) -> None:
        """See the port."""
        await self._submit(lambda db: db.execute(queries()["beat"], (owner, now + lease)))

    async def claim_unfinished(self, owner: str, now: int, limit: int) -> list[Claim]:
        """See the port."""
        rows = await self._submit(lambda db: db.execute(queries()["claim_unfinished"], (owner, now, limit)).fetchall())
        return [Claim(saga_id, token) for _, saga_id, token in sorted(rows)]

    async def claim_suspended(self, owner: str, saga_id: str, now: int) -> Claim | None:
        """See the port."""
        values = {"owner": owner, "saga_id": saga_id, "now": now}
        row = await self._submit(lambda db: db.execute(queries()["claim_suspended"], values).fetchone())
        return None if row is None else Claim(*row)

    async def release(self, owner: str) -> None:
        """See the port."""
        await self._submit(lambda db: db.execute(queries()["release_sagas"], (owner,)))
        await self._submit(lambda db: db.execute(queries()["forget_replica"], (owner,)))

    async def close(self) -> None:
        """See the port."""
        if self._closed:
            return
        self._closed = True
        self._waiting.put(None)
        await asyncio.to_thread(self._writer.join)
        self._reader.shutdown()
        self._opened.close()

    def _submit(self, work: Append | Callable[[sqlite3.Connection], Any]) -> asyncio.Future[Any]:
        done: asyncio.Future[Any] = self._loop.create_future()
        if self._closed:
            done.set_exception(self._is_closed())
        else:
            self._waiting.put(_Write(work, done))
        return done

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise self._is_closed()
        try:
            return await self._loop.run_in_executor(self._reader, read, self._reading)
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from None

    def _is_closed(self) -> JournalUnavailable:
        return JournalUnavailable(f"the journal {self._path} is closed")

    def _write_all(self) -> None:
        """The writer thread."""
        waiting = self._waiting
        while (first := waiting.get()) is not None:
            batch = [first]
            last = False
            with contextlib.suppress(queue.Empty):
                while len(batch) < _MOST_PER_COMMIT and not last:
                    following = waiting.get_nowait()
                    last = following is None
                    if following is not None:
                        batch.append(following)
            self._commit(batch)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_resolve, batch)
            if last:
                return

    def _commit(self, batch: list[_Write]) -> None:
        """Write a batch in one transaction; each write ends with its result or its error."""
        database = self._writing
        try:
            database.execute("BEGIN IMMEDIATE")
            for write in batch:
                try:
                    if isinstance(write.work, Append):
                        _append(database, write.work)
                    else:
                        write.result = write.work(database)
                except OrchestratorError as error:
                    write.error = error
            database.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - nothing that is written may end the writer thread
            with contextlib.suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            if len(batch) > 1 and not isinstance(error, sqlite3.OperationalError):
                # It lies in what one of them wants to write.
                for write in batch:
                    write.error = None
                    self._commit([write])
                return
            for write in batch:
                write.error = _unavailable(self._path, error)


def _append(database: sqlite3.Connection, append: Append) -> None:
    statements = queries()
    expected = append.expected_sequence
    if append.new is not None:
        _create(database, append)
    row = database.execute(
        statements["advance_saga"],
        (
            expected + len(append.entries),
            append.status.value,
            append.ended_at,
            append.status in UNFINISHED,
            append.saga_id,
            append.owner,
            append.token,
            expected,
        ),
    ).fetchone()
    if row is None:
        raise _refusal(database, append)
    saga = row[0]
    database.executemany(
        statements["append_entry"],
        [(saga, sequence, *encode(entry)) for sequence, entry in enumerate(append.entries, start=expected + 1)],
    )


def _create(database: sqlite3.Connection, append: Append) -> None:
    new = append.new
    assert new is not None
    if append.expected_sequence and database.execute(queries()["claim_of_saga"], (append.saga_id,)).fetchone() is None:
        raise SequenceConflict(f"saga {append.saga_id} is new, it holds no {append.expected_sequence} entries")
    row = database.execute(
        queries()["create_saga"],
        (
            append.saga_id,
            new.definition,
            new.version,
            append.status.value if append.status in UNFINISHED else Status.RUNNING.value,
            append.owner,
            append.token,
            new.digest,
            new.started_at,
            json.dumps(dict(new.attributes)),
        ),
    ).fetchone()
    if row is None:
        raise SagaExists(append.saga_id, f"there is a saga {append.saga_id} already")
    if new.attributes:
        database.executemany(queries()["create_attribute"], [(name, value, row[0]) for name, value in new.attributes])


def _refusal(database: sqlite3.Connection, append: Append) -> OrchestratorError:
    row = database.execute(queries()["claim_of_saga"], (append.saga_id,)).fetchone()
    if row is None or row[:2] != (append.owner, append.token):
        return ClaimLost(f"saga {append.saga_id} is advanced by another replica")
    return SequenceConflict(f"saga {append.saga_id} holds {row[2]} entries, not {append.expected_sequence}")


def _conditions(where: SagaFilter, before: int | None) -> tuple[str, list[Any]]:
    """The WHERE clause of a search, and its values."""
    parts: list[tuple[str, list[Any]]] = []
    if before is not None:
        parts.append(("s.id < ?", [before]))
    if where.definition:
        parts.append(("s.definition = ?", [where.definition]))
    if where.statuses:
        marks = ", ".join("?" * len(where.statuses))
        parts.append((f"s.status IN ({marks})", [status.value for status in where.statuses]))
    if where.started_from is not None:
        parts.append(("s.started_at >= ?", [where.started_from]))
    if where.started_before is not None:
        parts.append(("s.started_at < ?", [where.started_before]))
    for name, value in where.attributes:
        parts.append(("s.id IN (SELECT a.saga FROM attribute AS a WHERE a.name = ? AND a.value = ?)", [name, value]))
    if not parts:
        return "", []
    return "WHERE " + " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _record(row: tuple[Any, ...]) -> SagaRecord:
    _, saga_id, definition, version, status, digest, started_at, ended_at, attributes, sequence = row
    return SagaRecord(
        saga_id=saga_id,
        definition=definition,
        version=version,
        status=Status(status),
        digest=digest,
        started_at=started_at,
        ended_at=ended_at,
        attributes=tuple(json.loads(attributes).items()),
        sequence=sequence,
    )


def _resolve(batch: list[_Write]) -> None:
    for write in batch:
        if write.done.done():  # whoever waited was cancelled; the write stands
            continue
        if write.error is not None:
            write.done.set_exception(write.error)
        else:
            write.done.set_result(write.result)


def _unavailable(path: Path, error: Exception) -> JournalUnavailable:
    return JournalUnavailable(f"the journal {path} cannot be used: {error}; free space or mend the file, then go on")
