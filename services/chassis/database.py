"""A service's own database, reached from the event loop one whole transaction at a time.

SQLAlchemy's synchronous engine runs in worker threads: a transaction is one hop there and back, however many
statements it has, and its function reads as plain code. SQLite has exactly one writer thread.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError

from services.chassis.concealment import conceal_values
from services.chassis.engines import Engines, is_transient, must_rerun, open_engines
from services.chassis.errors import InvalidRequest, StartupError, Unavailable

_LOGGER = logging.getLogger(__name__)
_RUNS: Final = 10
# What is to be done once the transaction of this thread is committed.
_after: Final[ContextVar[list[Callable[[], None]]]] = ContextVar("after_commit")

T = TypeVar("T")


def after_commit(do: Callable[[], None]) -> None:
    """Call ``do``, in this thread, when the transaction that runs in it is committed; never, if it is not.

    Raises:
        LookupError: no transaction of a ``Database`` runs in this thread.
    """
    _after.get().append(do)


class Database:
    """One open database. ``open`` makes it, ``close`` ends it."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._writers = ThreadPoolExecutor(engines.writers, thread_name_prefix="database-write")
        self._readers = ThreadPoolExecutor(engines.readers, thread_name_prefix="database-read")

    @classmethod
    async def open(cls, url: str, *, prepare: Callable[[Connection], None]) -> "Database":
        """Connect to ``url`` and run ``prepare`` (the migrations) in a transaction of its own.

        Raises:
            StartupError: the database cannot be reached, written or prepared.
        """
        try:
            database = cls(open_engines(url))
        except OSError as error:
            raise StartupError(f"cannot make the folder of the database {error.filename}: {error.strerror}") from error
        try:
            await database._hop(database._writers, database._engines.writer, prepare)
        except (SQLAlchemyError, OSError) as error:
            place = database._engines.writer.url.render_as_string(hide_password=True)
            await database.close()
            cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
            raise StartupError(f"cannot use the database {place}: {' '.join(str(cause).split())}") from error
        return database

    async def transaction(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in one transaction: committed when it returns, rolled back when it raises.

        Args:
            work: is called with the connection, in a worker thread. PostgreSQL may run it more than once; only the last
                run counts.

        Raises:
            InvalidRequest: a value cannot be stored.
            Unavailable: the database cannot be reached or written now. Whether the transaction was committed
                may be unknown.
        """
        return await self._guarded(self._writers, self._engines.writer, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work``, which only reads, beside the writers; raises as ``transaction`` does."""
        return await self._guarded(self._readers, self._engines.reader, work)

    async def close(self) -> None:
        """Wait for the transactions that have begun, and disconnect."""
        for threads in (self._writers, self._readers):
            await asyncio.to_thread(threads.shutdown)
        self._engines.writer.dispose()
        self._engines.reader.dispose()

    async def _guarded(self, threads: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], T]) -> T:
        try:
            return await self._hop(threads, engine, work)
        except DataError as error:
            # The contract allows NUL characters; PostgreSQL does not store them.
            raise InvalidRequest([("", "has a value that cannot be stored")]) from error
        except DBAPIError as error:
            if not is_transient(error):
                raise
            _LOGGER.warning("the database is not available: %s", error.orig)
            raise Unavailable("the database is not available") from error

    @staticmethod
    async def _hop(threads: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, _run, engine, work)


def _run(engine: Engine, work: Callable[[Connection], T]) -> T:
    try:
        return _rerun(engine, work)
    except Exception as error:
        # Values are concealed here, before the error can be logged.
        conceal_values(error)
        raise


def _rerun(engine: Engine, work: Callable[[Connection], T]) -> T:
    for _ in range(_RUNS - 1):
        try:
            return _once(engine, work)
        except DBAPIError as error:
            if not must_rerun(error):
                raise
    return _once(engine, work)


def _once(engine: Engine, work: Callable[[Connection], T]) -> T:
    waiting: list[Callable[[], None]] = []
    token = _after.set(waiting)
    try:
        with engine.begin() as connection:
            result = work(connection)
    finally:
        _after.reset(token)
    for do in waiting:
        do()
    return result
