"""Transactions, on every store: whole, retried where the database asks for it, clear when it is away."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, select, text, update

from services.chassis.database import Database
from services.chassis.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TABLES = MetaData()
COUNTERS = Table("counters", TABLES, Column("id", Integer, primary_key=True), Column("count", Integer, nullable=False))


def prepare(connection: Connection) -> None:
    TABLES.create_all(connection)
    connection.execute(insert(COUNTERS), [{"id": 1, "count": 0}, {"id": 2, "count": 0}])


def count(connection: Connection, counter: int = 1) -> int:
    return connection.execute(select(COUNTERS.c.count).where(COUNTERS.c.id == counter)).scalar_one()


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


async def test_every_transaction_of_a_crowd_counts(database: Database) -> None:
    await asyncio.gather(*(database.transaction(raise_counter) for _ in range(50)))
    assert await database.read(count) == 50


async def test_a_transaction_that_lost_a_deadlock_is_run_again(postgres_url: str) -> None:
    database = await Database.open(postgres_url, prepare=prepare)
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
    assert sorted(runs.values()) == [1, 2]
    await database.close()


async def test_a_database_that_drops_the_connection_is_a_transient_trouble(postgres_url: str) -> None:
    database = await Database.open(postgres_url, prepare=prepare)

    def drop(connection: Connection) -> None:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Unavailable):
        await database.transaction(drop)
    assert await database.read(count) == 0
    await database.close()


async def test_a_database_locked_by_another_process_for_long_is_a_transient_trouble(tmp_path: Path) -> None:
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
