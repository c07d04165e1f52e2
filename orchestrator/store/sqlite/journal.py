"""The journal in one SQLite file.

Writes go through :class:`~orchestrator.store.sqlite.group_commit.GroupCommit`. A refused append (claim lost,
sequence conflict, saga exists) has written nothing and does not disturb the others; nor does one that SQLite cannot
take, for then each is written alone. A failed commit (disk full) fails all of its appends, and nothing of them is
kept. Reads have a connection, and a thread, of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.engine.ports import Append, Claim, SagaCount, SagaFilter, SagaRecord
from orchestrator.engine.state import Status
from orchestrator.errors import JournalUnavailable
from orchestrator.store.paging import decode_page_token, encode_page_token
from orchestrator.store.sqlite.appending import Appending, unpack
from orchestrator.store.sqlite.database import connect, lock, migrate
from orchestrator.store.sqlite.group_commit import GroupCommit
from orchestrator.store.sqlite.queries import queries
from orchestrator.store.sqlite.searching import conditions, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.engine.entries import Entry

T = TypeVar("T")


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
                # From here on the loop writes, which must not be kept waiting: see GroupCommit.
                self._writing.execute("PRAGMA busy_timeout = 0")
            except sqlite3.Error as error:
                raise self._unavailable(error) from None
            self._opened = opened.pop_all()
        self._appending = Appending(self._writing)
        self._commits = GroupCommit(self._writing, self._appending.forget, self._unavailable)
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-reader")

    @classmethod
    async def open(cls, path: Path) -> SqliteJournal:
        """Open the file, making it and its folder if need be.

        Raises:
            JournalUnavailable: it cannot be opened, or another process has it.
        """
        return cls(path)

    def append(self, append: Append) -> asyncio.Future[None]:
        """See the port."""
        return self._write(partial(self._appending.write, append))

    async def read(self, saga_id: str) -> list[Entry]:
        """See the port."""
        chunks = await self._read(lambda db: db.execute(queries()["read_chunks"], (saga_id,)).fetchall())
        return [entry for (chunk,) in chunks for entry in unpack(chunk)]

    async def find(self, saga_id: str) -> SagaRecord | None:
        """See the port."""
        sql = queries()["search_sagas"].replace("%s", "WHERE s.saga_id = ?")
        row = await self._read(lambda db: db.execute(sql, (saga_id, 1)).fetchone())
        return None if row is None else record(row)

    async def search(self, where: SagaFilter, limit: int, page_token: str) -> tuple[list[SagaRecord], str]:
        """See the port. The position of a page is the number of the last saga on the page before."""
        clause, values = conditions(where, decode_page_token(page_token))
        sql = queries()["search_sagas"].replace("%s", clause)
        rows = await self._read(lambda db: db.execute(sql, (*values, limit + 1)).fetchall())
        token = encode_page_token(rows[limit - 1][0]) if len(rows) > limit else ""
        return [record(row) for row in rows[:limit]], token

    async def count(self) -> list[SagaCount]:
        """See the port."""
        rows = await self._read(lambda db: db.execute(queries()["count_sagas"]).fetchall())
        return [SagaCount(definition, Status(status), *numbers) for definition, status, *numbers in rows]

    async def heartbeat(self, owner: str, now: int, lease: int) -> None:
        """See the port."""
        await self._write(partial(self._all, "beat", (owner, now + lease)))

    async def claim_unfinished(self, owner: str, now: int, limit: int) -> list[Claim]:
        """See the port."""
        rows = await self._write(partial(self._claim, "claim_unfinished", (owner, now, limit)))
        return [Claim(saga_id, token) for _, saga_id, token in sorted(rows)]

    async def claim_resting(self, owner: str, saga_id: str) -> Claim | None:
        """See the port."""
        rows = await self._write(partial(self._claim, "claim_resting", {"owner": owner, "saga_id": saga_id}))
        return Claim(*rows[0]) if rows else None

    async def release(self, owner: str) -> None:
        """See the port."""
        await self._write(partial(self._claim, "release_sagas", (owner,)))
        await self._write(partial(self._all, "forget_replica", (owner,)))

    async def close(self) -> None:
        """See the port."""
        if self._closed:
            return
        self._closed = True
        await self._commits.close()
        self._reader.shutdown()
        self._opened.close()

    def _all(self, statement: str, values: Any) -> list[Any]:  # noqa: ANN401 - what sqlite3 binds
        return self._writing.execute(queries()[statement], values).fetchall()

    def _claim(self, statement: str, values: Any) -> list[Any]:  # noqa: ANN401 - what sqlite3 binds
        rows = self._all(statement, values)
        self._appending.forget()
        return rows

    def _write(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        if not self._closed:
            return self._commits.submit(work)
        refused: asyncio.Future[Any] = self._loop.create_future()
        refused.set_exception(self._is_closed())
        return refused

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise self._is_closed()
        try:
            return await self._loop.run_in_executor(self._reader, read, self._reading)
        except sqlite3.Error as error:
            raise self._unavailable(error) from None

    def _is_closed(self) -> JournalUnavailable:
        return JournalUnavailable(f"the journal {self._path} is closed")

    def _unavailable(self, error: Exception) -> JournalUnavailable:
        return JournalUnavailable(
            f"the journal {self._path} cannot be used: {error}; free space or mend the file, then go on"
        )
