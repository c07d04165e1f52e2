"""Transactions, on every store: whole, retried where the database asks for it, clear when it is away."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import traceback
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest
from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy import CheckConstraint, Column, Connection, Integer, MetaData, Table, Text, insert, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from services.chassis.database import Database
from services.chassis.engines import open_engines
from services.chassis.errors import InvalidRequest, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

TABLES = MetaData()
COUNTERS = Table("counters", TABLES, Column("id", Integer, primary_key=True), Column("count", Integer, nullable=False))

CARDS = Table("cards", MetaData(), Column("token", Text, primary_key=True), Column("cents", Integer, nullable=False))
CARDS.append_constraint(CheckConstraint("cents > 0", name="cards_cents"))
TOKEN = "tok_4111"


def prepare(connection: Connection) -> None:
    TABLES.create_all(connection)
    connection.execute(insert(COUNTERS), [{"id": 1, "count": 0}, {"id": 2, "count": 0}])


def count(connection: Connection, counter: int = 1) -> int:
    found: int = connection.execute(select(COUNTERS.c.count).where(COUNTERS.c.id == counter)).scalar_one()
    return found


def raise_counter(connection: Connection, counter: int = 1) -> None:
    connection.execute(update(COUNTERS).where(COUNTERS.c.id == counter).values(count=COUNTERS.c.count + 1))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url, prepare=prepare)
    yield database
    await database.close()


async def test_a_transaction_that_raises_changes_nothing(database: Database) -> None:
    def fail(connection: Connection) -> None:
        raise_counter(connection)
        raise KeyError

    with pytest.raises(KeyError):
        await database.transaction(fail)
    assert await database.read(count) == 0


async def test_every_one_of_many_concurrent_transactions_counts(database: Database) -> None:
    await asyncio.gather(*(database.transaction(raise_counter) for _ in range(50)))
    assert await database.read(count) == 50


async def test_a_transaction_that_lost_a_deadlock_is_run_again(service_postgres_url: str) -> None:
    database = await Database.open(service_postgres_url, prepare=prepare)
    both_hold_one = threading.Barrier(2, timeout=30)
    runs = {1: 0, 2: 0}

    def cross(first: int, second: int, connection: Connection) -> None:
        runs[first] += 1
        raise_counter(connection, first)
        if runs[first] == 1:
            both_hold_one.wait()
        raise_counter(connection, second)

    await asyncio.gather(database.transaction(partial(cross, 1, 2)), database.transaction(partial(cross, 2, 1)))
    assert await database.read(count) == 2
    # PostgreSQL may give the row that is free again to the one that lost, before the other wakes: then they cross anew.
    assert sum(runs.values()) > len(runs)
    assert await database.read(partial(count, counter=2)) == 2
    await database.close()


async def test_a_dropped_connection_to_the_database_is_a_passing_failure(service_postgres_url: str) -> None:
    database = await Database.open(service_postgres_url, prepare=prepare)

    def drop(connection: Connection) -> None:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Unavailable):
        await database.transaction(drop)
    assert await database.read(count) == 0
    await database.close()


async def test_a_database_that_another_process_locks_for_long_is_a_passing_failure(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/service.db", prepare=prepare)
    await database.transaction(lambda connection: connection.execute(text("PRAGMA busy_timeout = 0")).all())
    with closing(sqlite3.connect(tmp_path / "service.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            await database.transaction(raise_counter)
        assert await database.read(count) == 0
    await database.transaction(raise_counter)
    assert await database.read(count) == 1
    await database.close()


def keep_card(connection: Connection, token: str = TOKEN, cents: object = 1) -> None:
    # As text, so that no type of SQLAlchemy checks the value first.
    connection.execute(text("INSERT INTO cards VALUES (:token, :cents)"), {"token": token, "cents": cents})


@pytest.fixture
async def cards(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url, prepare=CARDS.metadata.create_all)
    await database.transaction(keep_card)
    yield database
    await database.close()


@pytest.mark.parametrize(
    "refused",
    [
        keep_card,
        partial(keep_card, token=f"{TOKEN} again", cents=-1),
        partial(keep_card, token=f"{TOKEN} again", cents=None),
        partial(keep_card, token=f"{TOKEN} again", cents=object()),
        lambda it: it.execute(text("SELECT * FROM cards WHERE token = :token AND nothing"), {"token": TOKEN}),
        lambda it: it.execute(CARDS.insert(), [{"token": TOKEN, "cents": 1}, {"token": f"{TOKEN} again", "cents": 1}]),
    ],
    ids=["taken", "refused by a check", "missing", "of no type", "in a broken statement", "among several"],
)
async def test_an_error_of_the_database_shows_no_values(cards: Database, refused: Callable[[Connection], None]) -> None:
    with pytest.raises(StatementError) as caught:
        await cards.transaction(refused)
    told = "".join(traceback.format_exception(caught.value))
    assert "4111" not in told
    assert "cards" in told


async def test_a_value_that_cannot_be_read_is_refused_without_quoting_it(service_postgres_url: str) -> None:
    database = await Database.open(service_postgres_url, prepare=prepare)
    with pytest.raises(InvalidRequest) as caught:
        await database.read(lambda it: it.execute(text("SELECT CAST(:token AS integer)"), {"token": TOKEN}).all())
    assert "4111" not in "".join(traceback.format_exception(caught.value))
    await database.close()


async def test_an_engines_own_error_hides_its_parameters(database_url: str) -> None:
    engines = open_engines(database_url)
    for engine in (engines.writer, engines.reader):
        with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
            connection.execute(text("SELECT nothing FROM nowhere WHERE token = :token"), {"token": TOKEN})
        assert "4111" not in str(caught.value)
        engine.dispose()


async def test_a_transaction_that_loses_every_race_ends_as_a_passing_failure(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/service.db", prepare=prepare)
    runs = 0

    def lose(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        raise_counter(connection)
        raise OperationalError("COMMIT", None, SerializationFailure("could not serialize access"))

    with pytest.raises(Unavailable):
        await database.transaction(lose)
    assert runs == 10
    assert await database.read(count) == 0
    await database.close()


async def test_a_transaction_that_wins_its_last_race_counts(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/service.db", prepare=prepare)
    lost = iter([SerializationFailure(), DeadlockDetected()] * 4 + [SerializationFailure()])

    def win_in_the_end(connection: Connection) -> None:
        raise_counter(connection)
        if trouble := next(lost, None):
            raise OperationalError("COMMIT", None, trouble)

    await database.transaction(win_in_the_end)
    assert await database.read(count) == 1
    await database.close()


async def test_sqlite_waits_for_the_disk_and_for_others_and_keeps_its_references(tmp_path: Path) -> None:
    engines = open_engines(f"sqlite:///{tmp_path}/service.db")
    wanted = {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000}
    for engine in (engines.writer, engines.reader):
        with engine.connect() as connection:
            pragmas = {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in wanted}
        engine.dispose()
        assert pragmas == wanted


async def test_a_transaction_on_sqlite_has_the_write_lock_before_it_reads_and_a_reader_leaves_it_alone(
    tmp_path: Path,
) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/service.db", prepare=prepare)

    def can_another_write(connection: Connection) -> bool:
        count(connection)
        with closing(sqlite3.connect(tmp_path / "service.db", timeout=0)) as other:
            try:
                other.execute("UPDATE counters SET count = count + 1")
            except sqlite3.OperationalError:
                return False
            return True

    assert not await database.transaction(can_another_write)
    assert await database.read(can_another_write)
    await database.close()
