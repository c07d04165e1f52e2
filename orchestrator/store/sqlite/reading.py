"""Reads the journal's file, on a connection and a thread of their own."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from orchestrator.errors import JournalUnavailable
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord
from orchestrator.ports.figures import SuspendedGroup
from orchestrator.ports.outbox import SinkRecord
from orchestrator.ports.retention import tombstone_key
from orchestrator.store.paging import decode_page_token, encode_page_token
from orchestrator.store.rows.chunk import first_input, unpack
from orchestrator.store.rows.figures import counted_of
from orchestrator.store.rows.tombstones import page_of, tombstone_of
from orchestrator.store.sqlite.database import connect_to_read
from orchestrator.store.sqlite.queries import queries
from orchestrator.store.sqlite.refusals import unavailable
from orchestrator.store.sqlite.searching import SAGAS, record, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.figures import Counted, Window
    from orchestrator.ports.retention import EndedPage, Tombstone

T = TypeVar("T")


class SqliteReader:
    """The reading half of a :class:`~orchestrator.ports.journal.Journal` in one file.

    Args:
        path: the file, for messages.
        database: the connection to read on; to be closed together with the reader.
    """

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self._path = path
        self._closed = False
        self._reading = database
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-reader")

    @classmethod
    def beside(cls, path: Path) -> SqliteReader:
        """Read the file beside the orchestrator that has it: it is neither locked nor written.

        Raises:
            JournalUnavailable: there is no such journal, or another version of this program wrote it.
        """
        return SqliteReader(path, connect_to_read(path))

    async def read(self, saga_id: str) -> list[Entry]:
        """See the port."""
        chunks = await self._read(lambda db: db.execute(queries()["read_chunks"], (saga_id,)).fetchall())
        return [entry for (chunk,) in chunks for entry in unpack(chunk)]

    async def find(self, saga_id: str) -> SagaRecord | None:
        """See the port."""
        sql = queries()["search_sagas"].replace("%s", f"{SAGAS} WHERE s.saga_id = ?")
        row = await self._read(lambda db: db.execute(sql, (saga_id, 1)).fetchone())
        return None if row is None else record(row)

    async def find_each(self, saga_ids: Sequence[str]) -> list[SagaRecord]:
        """See the port."""
        wanted = SAGAS + " WHERE s.saga_id IN (SELECT j.value FROM json_each(?) AS j)"  # noqa: S608 - no value is in it
        sql = queries()["search_sagas"].replace("%s", wanted)
        values = json.dumps(list(saga_ids)), len(saga_ids)
        return [record(row) for row in await self._read(lambda db: db.execute(sql, values).fetchall())]

    async def inputs(self, saga_ids: Sequence[str]) -> dict[str, bytes]:
        """See the port."""
        sql, wanted = queries()["first_chunks"], json.dumps(list(saga_ids))
        return await self._read(lambda db: {each: first_input(chunk) for each, chunk in db.execute(sql, (wanted,))})

    async def search(
        self, where: SagaFilter, limit: int, page_token: str, *, oldest_first: bool = False
    ) -> tuple[list[SagaRecord], str]:
        """See the port. The position of a page is the number of the last saga on the page before."""
        sql, values = statement(where, decode_page_token(page_token), limit + 1, oldest_first=oldest_first)
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        token = encode_page_token(rows[limit - 1][0]) if len(rows) > limit else ""
        return [record(row) for row in rows[:limit]], token

    async def count(self) -> list[SagaCount]:
        """See the port."""
        rows = await self._read(lambda db: db.execute(queries()["count_sagas"]).fetchall())
        return [SagaCount(definition, Status(status), *numbers) for definition, status, *numbers in rows]

    async def figures(self, window: Window) -> list[Counted]:
        """See the port."""
        since, until, step, definition = window
        values = {"since": since, "until": until, "step": step.value, "definition": definition}
        values["grains"] = json.dumps(step.grains)
        return [
            counted_of(row) for row in await self._read(lambda db: db.execute(queries()["figures"], values).fetchall())
        ]

    async def suspended(self) -> list[SuspendedGroup]:
        """See the port."""
        rows = await self._read(lambda db: db.execute(queries()["suspended_groups"]).fetchall())
        return [SuspendedGroup(*row) for row in rows]

    async def without_cause(self, position: int, limit: int) -> tuple[list[str], int | None]:
        """See the port. A position is the number of a saga."""
        sql = queries()["without_cause"]
        rows = await self._read(lambda db: db.execute(sql, (position, limit)).fetchall())
        return [saga_id for _, saga_id in rows], rows[-1][0] if len(rows) == limit else None

    async def ended(self, position: int, limit: int) -> EndedPage:
        """See the port. A position is the number of a saga."""
        sql = queries()["ended_sagas"]
        return page_of(await self._read(lambda db: db.execute(sql, (position, limit)).fetchall()), limit)

    async def family(self, saga_id: str) -> list[str]:
        """See the port."""
        sql, values = queries()["family"], {"saga_id": saga_id}
        return [member for (member,) in await self._read(lambda db: db.execute(sql, values).fetchall())]

    async def find_tombstone(self, saga_id: str) -> Tombstone | None:
        """See the port."""
        sql, values = queries()["find_tombstone"], (tombstone_key(saga_id),)
        row = await self._read(lambda db: db.execute(sql, values).fetchone())
        return None if row is None else tombstone_of(row)

    async def tombstones(self, after: bytes, limit: int) -> list[Tombstone]:
        """See the port."""
        sql = queries()["tombstones"]
        return [tombstone_of(row) for row in await self._read(lambda db: db.execute(sql, (after, limit)).fetchall())]

    async def sinks(self) -> list[SinkRecord]:
        """See the port."""
        return [SinkRecord(*row) for row in await self._read(lambda db: db.execute(queries()["sinks"]).fetchall())]

    async def close(self) -> None:
        """Let go of the file."""
        if not self._closed:
            self._closed = True
            self._reader.shutdown()
            self._reading.close()

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise self._is_closed()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, read, self._reading)
        except sqlite3.Error as error:
            raise self._unavailable(error) from None

    def _is_closed(self) -> JournalUnavailable:
        return JournalUnavailable(f"the journal {self._path} is closed")

    def _unavailable(self, error: Exception) -> JournalUnavailable:
        return unavailable(self._path, "cannot be used", error)
