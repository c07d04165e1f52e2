"""How each kind of database is opened: engines, pragmas and what its errors mean."""

import sqlite3
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

# SQLite admits one writer; a second thread would only wait for the first inside the driver.
_SQLITE_READERS: Final = 2
_POSTGRES_CONNECTIONS: Final = 8
_SERIALIZATION_FAILURE: Final = "40001"
_DEADLOCK_DETECTED: Final = "40P01"
_TRANSIENT_SQLITE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of one database, and how many threads may use each at a time."""

    writer: Engine
    writers: int
    reader: Engine
    readers: int


def open_engines(url: str) -> Engines:
    """Engines for a ``sqlite`` or ``postgresql+psycopg`` URL. Nothing is connected to yet.

    Raises:
        OSError: the folder of a SQLite file cannot be made.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    return _postgres(parsed)


def _sqlite(url: URL) -> Engines:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    return Engines(
        writer=_sqlite_engine(url, begin="BEGIN IMMEDIATE", connections=1),
        writers=1,
        reader=_sqlite_engine(url, begin="BEGIN", connections=_SQLITE_READERS),
        readers=_SQLITE_READERS,
    )


def _sqlite_engine(url: URL, *, begin: str, connections: int) -> Engine:
    prepare = (_prepare_sqlite, "connect")
    engine = create_engine(url, pool_size=connections, max_overflow=0, pool_events=[prepare], hide_parameters=True)
    # Not as a listener: an engine that has one looks for more around every statement, which costs a quarter of it.
    engine.dialect.do_begin = partial(_begin, begin)  # type: ignore[method-assign]
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver would begin a transaction late and deferred; _begin begins it instead.
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(statement: str, connection: PoolProxiedConnection) -> None:
    # IMMEDIATE takes the write lock at once: a transaction that reads before it writes can then neither fail
    # to upgrade its lock nor decide on what another process is about to change.
    connection.execute(statement)


def _postgres(url: URL) -> Engines:
    engine = create_engine(
        url,
        pool_size=_POSTGRES_CONNECTIONS,
        max_overflow=0,
        connect_args={"connect_timeout": 5},
        hide_parameters=True,
    )
    return Engines(writer=engine, writers=_POSTGRES_CONNECTIONS, reader=engine, readers=_POSTGRES_CONNECTIONS)


def must_rerun(error: DBAPIError) -> bool:
    """Whether PostgreSQL asks to run the whole transaction again: it lost a race against another transaction."""
    return getattr(error.orig, "sqlstate", None) in {_SERIALIZATION_FAILURE, _DEADLOCK_DETECTED}


def is_transient(error: DBAPIError) -> bool:
    """Whether the database failed, and not the statement: it is unreachable, locked or full."""
    if isinstance(error.orig, sqlite3.Error):
        # The low byte is the primary code, the rest its variety.
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _TRANSIENT_SQLITE
    return isinstance(error, (OperationalError, InterfaceError))
