"""Connections to the database: the only importer of asyncpg, beside the refusals that tell its errors apart.

asyncpg, and not psycopg 3, was chosen by measurement: groups of appends, each in one call of ``append_group``, on
PostgreSQL 18 on the same machine of two cores, with uvloop. ``python -m tests.bench.micro.drivers`` measures it again.

=====================================  =====================  =====================  =====================
appends in flight                      1                      32                     256
=====================================  =====================  =====================  =====================
asyncpg, prepared                      1740/s  0.53 ms        26400/s  1.08 ms       38500/s  5.9 ms
asyncpg, not prepared                  1330/s  0.72 ms        23800/s  1.23 ms       30000/s  6.9 ms
psycopg, prepared                      1210/s  0.77 ms        23400/s  1.22 ms       36500/s  6.0 ms
psycopg, not prepared                  1240/s  0.76 ms        21200/s  1.29 ms       34900/s  6.1 ms
psycopg, pipeline of single appends     900/s  1.07 ms         2400/s  13.5 ms        2500/s  101 ms
asyncpg through pgbouncer              1050/s  0.86 ms        18800/s  1.44 ms       32600/s  6.6 ms
psycopg through pgbouncer              1370/s  0.63 ms        20000/s  1.39 ms       32600/s  6.4 ms
=====================================  =====================  =====================  =====================

Each figure: appends per second, and the median from the call to the answer. In large groups the two are alike; for a
group of one, asyncpg is a third quicker, and takes half of the CPU, 139 µs to 276 µs, which the sagas beside it have
then. Through a pooler, where nothing can be prepared, asyncpg asks twice for each statement, and psycopg once. A
pipeline of single appends is one round trip too; but the server carries out, and the client reads, as many statements.

A function of the database holds the statements, because its plans are kept by the server, behind a pooler as well.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from orchestrator.errors import JournalUnavailable
from orchestrator.store.postgres.refusals import shown, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

CONNECT_SECONDS: Final = 5.0
STATEMENT_SECONDS: Final = 10.0
"""A statement that takes longer is cancelled at the server; what it was to write may stand."""

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
"""Between two tries to connect."""

_PREPARED_IS_GONE: Final = frozenset({"26000", "42P05"})
_ELSEWHERE: Final = frozenset({"25006", "57P01", "57P02", "57P03"})
"""This server writes no more: another connection finds the one that does."""

_BROKEN: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, EOFError)
"""After one of these asyncpg may not know how far it has come with the server: the connection is of no use."""

Failed: Final = (asyncpg.PostgresError, *_BROKEN, ValueError, TypeError)
"""Whatever asyncpg raises: of the server, of the driver, of the network, and of a value that it cannot encode."""


class Connection:
    """One connection. It belongs to one caller at a time.

    Args:
        url: for messages.
        raw: asyncpg's.
        is_direct: as the attribute.

    Attributes:
        is_direct: no pooler is between: the session is one's own, and what is prepared is there the next time.
    """

    def __init__(self, url: str, raw: Any, *, is_direct: bool) -> None:  # noqa: ANN401 - asyncpg has no types
        self._url = url
        self._raw = raw
        self.is_direct = is_direct
        self._prepared: dict[str, Any] = {}
        self._names = itertools.count(1)

    @classmethod
    async def open(cls, url: str) -> Connection:
        """Connect to the first of the URL's hosts that is as the URL asks for.

        Raises:
            JournalUnavailable: none can be reached, or none takes us.
        """
        dsn, seconds = _without_timeout(url)
        try:
            # Nothing is prepared unasked, because a pooler gives each transaction another server's connection.
            raw = await asyncpg.connect(dsn, timeout=seconds, command_timeout=STATEMENT_SECONDS, statement_cache_size=0)
            try:
                # A pooler shows a process of its own.
                pid = await raw.fetchval("SELECT pg_backend_pid()")
            except BaseException:  # also where the caller gives up
                raw.terminate()
                raise
        except Failed as error:
            raise unavailable(url, "cannot be reached", error) from None
        return cls(url, raw, is_direct=pid == raw.get_server_pid())

    @property
    def is_usable(self) -> bool:
        """It was not closed, here or at the other end."""
        return not self._raw.is_closed()

    async def fetch(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        """The rows of one statement, which is a transaction of its own.

        Raises:
            One of :data:`Failed`: then, unless the server says that it was refused, it may have been carried out.
        """
        try:
            if not self.is_direct:
                return await self._raw.fetch(sql, *values)  # type: ignore[no-any-return]
            statement = self._prepared.get(sql)
            if statement is None:
                statement = self._prepared[sql] = await self._raw.prepare(sql, name=f"journal_{next(self._names)}")
            return await statement.fetch(*values)  # type: ignore[no-any-return]
        except asyncpg.PostgresError as error:
            if error.sqlstate in _PREPARED_IS_GONE and self.is_direct:
                self.is_direct = False  # there is a pooler all the same; nothing was carried out
                return await self._raw.fetch(sql, *values)  # type: ignore[no-any-return]
            if error.sqlstate in _ELSEWHERE:
                self.terminate()
            self._prepared.pop(sql, None)
            raise
        except TimeoutError:
            await self.close()  # the server is told to cancel it
            raise
        except ValueError:  # a value that cannot be encoded: the server was not asked
            raise
        except _BROKEN:
            self.terminate()
            raise

    async def listen(self, channel: str, hear: Callable[[str], None], lost: Callable[[], None]) -> None:
        """From now on, call ``hear`` with each text that is sent to a channel, and ``lost`` once the connection is.

        Raises:
            One of :data:`Failed`: it cannot be listened to.
        """
        self._raw.add_termination_listener(lambda _connection: lost())
        await self._raw.add_listener(channel, lambda _connection, _pid, _channel, text: hear(text))

    async def execute(self, script: str) -> None:
        """Run statements without values, several with semicolons between."""
        await self._raw.execute(script)

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        """A transaction of several statements."""
        return self._raw.transaction()  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Say goodbye."""
        try:
            await self._raw.close(timeout=1.0)
        except Failed:
            self.terminate()

    def terminate(self) -> None:
        """Close it at once, without telling the server."""
        self._raw.terminate()


class Absence:
    """A database that cannot be reached is asked seldom: at once, then after growing pauses. Within one, nobody asks.

    All connections of a process to one database have one of these: as soon as one of them is made, each can be.
    """

    def __init__(self) -> None:
        self._pause = 0.0
        self._not_before = 0.0
        self._refusal = ""

    def refuse(self) -> None:
        """Check that no pause lasts.

        Raises:
            JournalUnavailable: one does.
        """
        if asyncio.get_running_loop().time() < self._not_before:
            raise JournalUnavailable(self._refusal)

    def begin(self, error: JournalUnavailable) -> None:
        """The database could not be reached."""
        now = asyncio.get_running_loop().time()
        self._refusal = str(error)
        if now >= self._not_before:  # else another connection has failed at the same time, and it is one failure
            self._pause = min(max(2 * self._pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
            self._not_before = now + self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def end(self) -> None:
        """The database was reached."""
        self._pause = self._not_before = 0.0


class Link:
    """A connection that is made when it is needed, and again when it is lost.

    Args:
        url: of the database.
        absence: of that database.
    """

    def __init__(self, url: str, absence: Absence) -> None:
        self._url = url
        self._absence = absence
        self._connection: Connection | None = None

    async def connection(self) -> Connection:
        """The connection.

        Raises:
            JournalUnavailable: there is none, and none can be made now.
        """
        if self._connection is not None and self._connection.is_usable:
            return self._connection
        self._absence.refuse()
        try:
            self._connection = await Connection.open(self._url)
        except JournalUnavailable as error:
            self._absence.begin(error)
            raise
        self._absence.end()
        return self._connection

    async def close(self) -> None:
        """Let go of it."""
        if self._connection is not None:
            await self._connection.close()


class Pool:
    """A few links, each lent to one caller at a time.

    Args:
        url: of the database.
        absence: of that database.
        size: how many.
        patience: seconds that a caller waits for one.
    """

    def __init__(self, url: str, absence: Absence, size: int, patience: float = STATEMENT_SECONDS) -> None:
        self._url = url
        self._size = size
        self._patience = patience
        self._links = [Link(url, absence) for _ in range(size)]
        self._free: asyncio.LifoQueue[Link] = asyncio.LifoQueue()
        for link in self._links:
            self._free.put_nowait(link)

    async def fetch(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        """The rows of one statement, which is a transaction of its own.

        Raises:
            JournalUnavailable: every connection is taken, none can be made, or the statement failed.
        """
        link = await self._take()
        try:
            connection = await link.connection()
            return await connection.fetch(sql, *values)
        except Failed as error:
            raise unavailable(self._url, "cannot be used", error) from None
        finally:
            self._free.put_nowait(link)

    async def close(self) -> None:
        """Let go of every connection."""
        for link in self._links:
            await link.close()

    async def _take(self) -> Link:
        try:
            async with asyncio.timeout(self._patience):
                return await self._free.get()
        except TimeoutError:
            raise JournalUnavailable(
                f"the journal {shown(self._url)} cannot be used: each of {self._size} connections has been in use for "
                f"{self._patience:g} seconds; the database is slow, or more is asked of it than it can answer"
            ) from None


def _without_timeout(url: str) -> tuple[str, float]:
    """The URL as asyncpg reads it, and how long to wait for a connection; asyncpg takes that from no URL."""
    if "connect_timeout" not in url:
        return url, CONNECT_SECONDS
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    seconds = next((float(value) for name, value in query if name == "connect_timeout" and value), CONNECT_SECONDS)
    rest = urlencode([(name, value) for name, value in query if name != "connect_timeout"])
    return urlunsplit(parts._replace(query=rest)), seconds
