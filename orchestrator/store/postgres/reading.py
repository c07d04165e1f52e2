"""Reads the journal, on a few connections of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalUnavailable
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord
from orchestrator.ports.figures import SuspendedGroup
from orchestrator.ports.outbox import SinkRecord
from orchestrator.ports.retention import tombstone_key
from orchestrator.store.paging import decode_page_token, encode_page_token
from orchestrator.store.postgres.connecting import Absence, Connection, Pool
from orchestrator.store.postgres.queries import queries
from orchestrator.store.postgres.refusals import shown
from orchestrator.store.postgres.schema import refuse_unknown
from orchestrator.store.postgres.searching import SAGAS, record, statement
from orchestrator.store.rows.chunk import first_input, unpack
from orchestrator.store.rows.figures import counted_of
from orchestrator.store.rows.tombstones import page_of, tombstone_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.figures import Counted, Window
    from orchestrator.ports.retention import EndedPage, Tombstone

POOL_SIZE: Final = 4
"""Connections of one process, beside the one that it appends on."""


class PostgresReader:
    """The reading half of a :class:`~orchestrator.ports.journal.Journal` on PostgreSQL.

    Args:
        url: the database.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._closed = False
        self._absence = Absence()
        self._pool = Pool(url, self._absence, POOL_SIZE)

    @classmethod
    async def beside(cls, url: str) -> PostgresReader:
        """Read the journal beside the orchestrators that have it: nothing is migrated or written.

        Raises:
            JournalUnavailable: there is no such journal, or another version of this program wrote it.
        """
        connection = await Connection.open(url)
        try:
            await refuse_unknown(url, connection)
        finally:
            await connection.close()
        return PostgresReader(url)

    async def read(self, saga_id: str) -> list[Entry]:
        """See the port."""
        rows = await self._ask("read_chunks", saga_id) if "\0" not in saga_id else []
        return [entry for (chunk,) in rows for entry in unpack(chunk)]

    async def find(self, saga_id: str) -> SagaRecord | None:
        """See the port."""
        if "\0" in saga_id:
            return None
        rows = await self._fetch(queries()["search_sagas"].replace("%s", f"{SAGAS} WHERE s.saga_id = $2"), 1, saga_id)
        return record(rows[0]) if rows else None

    async def find_each(self, saga_ids: Sequence[str]) -> list[SagaRecord]:
        """See the port."""
        known = [saga_id for saga_id in saga_ids if "\0" not in saga_id]
        sql = queries()["search_sagas"].replace("%s", f"{SAGAS} WHERE s.saga_id = ANY ($2)")
        return [record(row) for row in await self._fetch(sql, len(known), known)]

    async def inputs(self, saga_ids: Sequence[str]) -> dict[str, bytes]:
        """See the port."""
        rows = await self._ask("first_chunks", [saga_id for saga_id in saga_ids if "\0" not in saga_id])
        return {saga_id: first_input(chunk) for saga_id, chunk in rows}

    async def search(
        self, where: SagaFilter, limit: int, page_token: str, *, oldest_first: bool = False
    ) -> tuple[list[SagaRecord], str]:
        """See the port. The position of a page is the number of the last saga on the page before."""
        sql, values = statement(where, decode_page_token(page_token), limit + 1, oldest_first=oldest_first)
        rows = await self._fetch(sql, *values)
        token = encode_page_token(rows[limit - 1][0]) if len(rows) > limit else ""
        return [record(row) for row in rows[:limit]], token

    async def count(self) -> list[SagaCount]:
        """See the port."""
        rows = await self._ask("count_sagas")
        return [SagaCount(definition, Status(status), *numbers) for definition, status, *numbers in rows]

    async def figures(self, window: Window) -> list[Counted]:
        """See the port."""
        since, until, step, definition = window
        if "\0" in definition:
            return []
        rows = await self._ask("figures", since, until, step.value, list(step.grains), definition)
        return list(map(counted_of, rows))

    async def suspended(self) -> list[SuspendedGroup]:
        """See the port."""
        return [SuspendedGroup(*row) for row in await self._ask("suspended_groups")]

    async def without_cause(self, position: int, limit: int) -> tuple[list[str], int | None]:
        """See the port. A position is the number of a saga."""
        rows = await self._ask("without_cause", position, limit)
        return [saga_id for _, saga_id in rows], rows[-1][0] if len(rows) == limit else None

    async def ended(self, position: int, limit: int) -> EndedPage:
        """See the port. A position is the number of a saga."""
        return page_of(await self._ask("ended_sagas", position, limit), limit)

    async def family(self, saga_id: str) -> list[str]:
        """See the port."""
        return [member for (member,) in await self._ask("family", saga_id)] if "\0" not in saga_id else []

    async def find_tombstone(self, saga_id: str) -> Tombstone | None:
        """See the port."""
        rows = await self._ask("find_tombstone", tombstone_key(saga_id))
        return tombstone_of(rows[0]) if rows else None

    async def tombstones(self, after: bytes, limit: int) -> list[Tombstone]:
        """See the port."""
        return [tombstone_of(row) for row in await self._ask("tombstones", after, limit)]

    async def sinks(self) -> list[SinkRecord]:
        """See the port."""
        return [SinkRecord(*row) for row in await self._ask("sinks")]

    async def close(self) -> None:
        """Let go of the database."""
        if not self._closed:
            self._closed = True
            await self._pool.close()

    async def _ask(self, statement: str, *values: object) -> Sequence[Sequence[Any]]:
        return await self._fetch(queries()[statement], *values)

    async def _fetch(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        if self._closed:
            raise self._is_closed()
        return await self._pool.fetch(sql, *values)

    def _is_closed(self) -> JournalUnavailable:
        return JournalUnavailable(f"the journal {shown(self._url)} is closed")
