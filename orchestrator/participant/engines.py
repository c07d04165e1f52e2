"""Records over SQLAlchemy: on an ``Engine`` for handlers that are functions, on an ``AsyncEngine`` for coroutines.

The engine is yours: it may serve the rest of your program, too. On SQLite, a transaction that writes begins with taking
the write lock, however the engine begins it, so that two calls of one key come one after the other.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from orchestrator.participant import opened, records
from orchestrator.participant.records import KeyTakenError, Record
from orchestrator.participant.turns import AsyncTurns, Turns

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

ResultT = TypeVar("ResultT")


def guard_table(metadata: MetaData) -> Table:
    """Declare the guard's table in ``metadata``, for Alembic's autogenerate or ``create_all``."""
    return Table(
        "guard",
        metadata,
        Column("idempotency_key", Text, primary_key=True),
        Column("method", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("request_digest", LargeBinary),
        Column("answer", LargeBinary),
        Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        *(CheckConstraint(check, name=name) for name, check in records.CHECKS.items()),
    )


_GUARD: Final = guard_table(MetaData())
_COLUMNS: Final = tuple(_GUARD.c)[:5]
# Built once: SQLAlchemy then finds their compiled form in its cache. The two of every call are no text, because
# SQLAlchemy describes the rows of a text anew each time.
_FIND_ONE: Final = select(*_COLUMNS).where(_GUARD.c.idempotency_key == bindparam("key"))
_FIND_TWO: Final = select(*_COLUMNS).where(_GUARD.c.idempotency_key.in_((bindparam("key"), bindparam("other"))))
_KEEP: Final = insert(_GUARD)
_SETTLE: Final = text(records.SETTLE)
_FORGET: Final = text(records.FORGET)


def create_table(connection: Connection) -> None:
    """Create the guard's table where it is missing."""
    _GUARD.create(connection, checkfirst=True)


class ConnectionRecords:
    """The records, in the open transaction of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, key: str, other: str = "") -> dict[str, Record]:
        """Those of the two records that there are, by key."""
        if other:
            rows = self._connection.execute(_FIND_TWO, {"key": key, "other": other})
        else:
            rows = self._connection.execute(_FIND_ONE, {"key": key})
        return {row[0]: Record.of_row(row) for row in rows}

    def keep(self, record: Record) -> None:
        """Record a key for good; waits for a concurrent transaction that records the same key.

        Raises:
            KeyTakenError: the key has a record by now.
        """
        try:
            self._connection.execute(_KEEP, record.row())
        except IntegrityError as error:
            if not records.is_duplicate(error.orig):
                raise
            raise KeyTakenError(record.key) from error

    def settle(self, record: Record) -> None:
        """Write the outcome of a command in doubt.

        Raises:
            KeyTakenError: it is not in doubt.
        """
        if not self._connection.execute(_SETTLE, record.row()).rowcount:
            raise KeyTakenError(record.key)

    def forget(self, key: str) -> None:
        """Delete the record of a command in doubt."""
        self._connection.execute(_FORGET, {"key": key})


class EngineRecords:
    """Records on an ``Engine``, for handlers that are plain functions and run in threads."""

    is_async = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns = Turns()

    def create_table(self) -> None:
        """Create the guard's table where it is missing."""
        with self._engine.begin() as connection:
            create_table(connection)

    def connection(self) -> Connection:
        """The connection of the guarded call that runs here."""
        return cast("Connection", opened.connection())

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[ConnectionRecords]:
        """One transaction; see ``orchestrator.participant.driving``."""
        turn = self._turns.taken(needed=writes and self._engine.dialect.name == "sqlite")
        with turn, self._engine.begin() as connection, opened.opened(connection):
            _prepare(connection, writes)
            yield ConnectionRecords(connection)


class AsyncConnectionRecords:
    """The records, in the open transaction of an asynchronous connection."""

    def __init__(self, connection: "AsyncConnection") -> None:
        self._connection = connection

    def take(self, step: Callable[[ConnectionRecords], ResultT]) -> Awaitable[ResultT]:
        """Take a step on the connection."""
        return self._connection.run_sync(lambda connection: step(ConnectionRecords(connection)))


class AsyncEngineRecords:
    """Records on an ``AsyncEngine``, for handlers that are coroutines."""

    is_async = True

    def __init__(self, engine: "AsyncEngine") -> None:
        self._engine = engine
        self._turns = AsyncTurns()

    async def create_table(self) -> None:
        """Create the guard's table where it is missing."""
        async with self._engine.begin() as connection:
            await connection.run_sync(create_table)

    def connection(self) -> "AsyncConnection":
        """The connection of the guarded call that runs here."""
        return cast("AsyncConnection", opened.connection())

    @asynccontextmanager
    async def transaction(self, *, writes: bool) -> AsyncIterator[AsyncConnectionRecords]:
        """One transaction; see ``orchestrator.participant.driving``."""
        turn = self._turns.taken(needed=writes and self._engine.dialect.name == "sqlite")
        async with turn, self._engine.begin() as connection:
            with opened.opened(connection):
                await connection.run_sync(_prepare, writes)
                yield AsyncConnectionRecords(connection)


def _prepare(connection: Connection, writes: bool) -> None:
    driver: Any = connection.connection.driver_connection
    records.refuse_autocommit(driver)
    if writes and connection.dialect.name == "sqlite":
        # The driver begins late and deferred, an engine's own listener as it likes.
        connection.exec_driver_sql(records.LOCK_SQLITE if driver.in_transaction else "BEGIN IMMEDIATE")
