"""Records over any driver of PEP 249, such as ``sqlite3`` or ``psycopg``, for handlers that are plain functions."""

import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from types import ModuleType
from typing import Any, Final, Generic, TypeVar, cast

from orchestrator.participant import opened, records
from orchestrator.participant.records import KeyTakenError, Record
from orchestrator.participant.turns import Turns

ConnectionT = TypeVar("ConnectionT")

_MARKS: Final[dict[str, Callable[[str, int], str]]] = {
    "named": lambda name, _: f":{name}",
    "pyformat": lambda name, _: f"%({name})s",
    "qmark": lambda *_: "?",
    "format": lambda *_: "%s",
    "numeric": lambda _, number: f":{number}",
}
_PARAMETER: Final = re.compile(r":(\w+)")


class DriverRecords(Generic[ConnectionT]):
    """Records on the connections of a driver.

    A connection whose call ended without trouble serves the next one, in whatever thread that runs; so a connection of
    ``sqlite3`` is opened with ``check_same_thread=False``.

    Args:
        driver: the module of the driver.
        connect: opens a connection, without autocommit.
    """

    is_async = False

    def __init__(self, driver: ModuleType, connect: Callable[[], ConnectionT]) -> None:
        self.driver = driver
        self._connect = connect
        self._idle: deque[ConnectionT] = deque()
        self._turns = Turns()
        self._errors: type[Exception] = driver.Error
        self.is_sqlite = "sqlite" in driver.__name__

    def create_table(self) -> None:
        """Create the guard's table where it is missing, in SQLite or PostgreSQL."""
        ddl = records.table_ddl("sqlite" if self.is_sqlite else "postgresql")
        with self.transaction(writes=False) as statements:
            statements.execute(ddl.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))

    def connection(self) -> ConnectionT:
        """The connection of the guarded call that runs here."""
        return cast("ConnectionT", opened.connection())

    def close(self) -> None:
        """Close the connections that no call uses."""
        while self._idle:
            _untyped(self._idle.pop()).close()

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator["CursorRecords"]:
        """One transaction; see ``orchestrator.participant.driving``."""
        locks = writes and self.is_sqlite
        with self._turns.taken(needed=locks):
            current = self._taken()
            statements = CursorRecords(self.driver, current)
            try:
                if locks:
                    statements.lock()
                with opened.opened(current):
                    yield statements
                _untyped(current).commit()
            except BaseException:
                self._roll_back(current)
                raise
            self._idle.append(current)

    def _roll_back(self, current: ConnectionT) -> None:
        try:
            _untyped(current).rollback()
        except self._errors:
            _untyped(current).close()  # It is broken.
        else:
            self._idle.append(current)

    def _taken(self) -> ConnectionT:
        try:
            return self._idle.pop()
        except IndexError:
            current = self._connect()
        records.refuse_autocommit(current)
        return current


class CursorRecords:
    """The records, in the open transaction of a driver's connection."""

    def __init__(self, driver: ModuleType, current: object) -> None:
        self._driver: Any = driver
        self._connection = _untyped(current)

    def execute(self, statement: str, parameters: dict[str, object] | None = None) -> Any:  # noqa: ANN401 - a cursor
        """Execute a statement with named parameters, in the form of the driver."""
        written, names = _written(statement, self._driver.paramstyle)
        cursor = self._connection.cursor()
        if parameters is None:
            cursor.execute(written)
        else:
            cursor.execute(written, parameters if names is None else [parameters[name] for name in names])
        return cursor

    def lock(self) -> None:
        """Take the write lock of SQLite, however the connection begins its transactions."""
        self.execute(records.LOCK_SQLITE if self._connection.in_transaction else "BEGIN IMMEDIATE")

    def find(self, key: str, other: str = "") -> dict[str, Record]:
        """Those of the two records that there are, by key."""
        rows = self.execute(records.FIND, {"key": key, "other": other}).fetchall()
        return {row[0]: Record.of_row(row) for row in rows}

    def keep(self, record: Record) -> None:
        """Record a key for good, or raise ``KeyTakenError``."""
        try:
            self.execute(records.KEEP, record.row())
        except self._driver.IntegrityError as error:
            if not records.is_duplicate(error):
                raise
            raise KeyTakenError(record.key) from error

    def settle(self, record: Record) -> None:
        """Write the outcome of a command in doubt, or raise ``KeyTakenError``."""
        if not self.execute(records.SETTLE, record.row()).rowcount:
            raise KeyTakenError(record.key)

    def forget(self, key: str) -> None:
        """Delete the record of a command in doubt."""
        self.execute(records.FORGET, {"key": key})


@cache
def _written(statement: str, style: str) -> tuple[str, list[str] | None]:
    """The statement in a driver's style, and its parameters in order; ``None`` where they go by their names."""
    numbers = count(1)
    written = _PARAMETER.sub(lambda found: _MARKS[style](found[1], next(numbers)), statement)
    return written, None if style in {"named", "pyformat"} else _PARAMETER.findall(statement)


def _untyped(connection: object) -> Any:  # noqa: ANN401 - PEP 249 is no type
    return connection
