"""What the doctor finds of a journal on PostgreSQL, at real servers; each finding says what to do."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg

from orchestrator.journal.state import Status
from orchestrator.ports.findings import Severity
from orchestrator.store.opening import examine_store, open_store
from orchestrator.store.postgres import examining
from orchestrator.store.postgres.schema import Migration, migrations
from tests.support.journals import Writing
from tests.support.postgres import PostgresServer, running, set_store_clock
from tests.support.schedules import schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from orchestrator.ports.findings import Finding

FINE, WARNING, ERROR = Severity.FINE, Severity.WARNING, Severity.ERROR
LONG: Final = 3600 * 1_000_000_000


async def look(url: str) -> dict[str, Finding]:
    found = await examine_store(url)
    for finding in found:
        assert bool(finding.advice) == (finding.severity is not FINE), finding
    return {finding.about: finding for finding in found}


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@contextmanager
def follower(primary: PostgresServer) -> Iterator[PostgresServer]:
    """A standby that follows."""
    standby = primary.copied()
    standby.start()
    try:
        _wait_for(primary.url, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
        yield standby
    finally:
        standby.close()


def _wait_for(url: str, count: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(count).fetchone() != (1,):
            pass


async def test_a_journal_in_order_is_fine_in_every_respect(postgres_url: str) -> None:
    journal = await open_store(postgres_url)
    await journal.heartbeat("a", LONG)
    await Writing(journal).start()
    found = await look(postgres_url)
    await journal.close()

    assert {finding.severity for finding in found.values()} == {FINE}, found
    assert [*found] == [
        "connection", "durability", "clock", "standbys", "vacuum", "connections", "schema", "partitions", "sagas",
        "timers", "schedules",
    ]  # fmt: skip
    assert found["connection"].what.startswith("PostgreSQL 1")
    assert found["sagas"].what == "orchestrators alive: 1; every saga that goes on is advanced by one of them"


async def test_a_database_that_is_away_is_an_error_that_shows_no_password() -> None:
    found = await look("postgresql://me:secret@127.0.0.1:1/orders")

    assert found["connection"].severity is ERROR
    assert found["connection"].advice == "see that the database is up and can be reached from here"
    assert "secret" not in found["connection"].what
    assert len(found) == 1


async def test_an_empty_database_is_looked_at_and_stays_empty(postgres_url: str) -> None:
    found = await look(postgres_url)

    assert (found["schema"].severity, found["schema"].what) == (WARNING, "there is no journal yet")
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT to_regclass('saga'), to_regclass('journal_schema')").fetchone() == (
            None,
            None,
        )


async def test_a_migration_that_is_missing_is_named(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await open_store(postgres_url)).close()
    known = migrations()
    later = Migration(len(known) + 1, "later.sql", known[-1].layout, "")
    monkeypatch.setattr(examining, "migrations", lambda: [*known, later])
    found = (await look(postgres_url))["schema"]

    assert found.severity is WARNING
    assert found.what == f"schema {len(known)}, this program knows {len(known) + 1}; missing: later.sql"
    assert "orchestrator migrate" in found.advice


async def test_tables_that_a_newer_program_made_are_an_error(postgres_url: str) -> None:
    await (await open_store(postgres_url)).close()
    execute(postgres_url, "INSERT INTO journal_schema (version, layout) VALUES (99, 7)")
    found = (await look(postgres_url))["schema"]

    assert found.severity is ERROR
    assert found.what == "schema 99 of layout 7 was made by a newer program"


async def test_a_partition_that_is_not_made_in_advance_is_named_by_its_month(postgres_url: str) -> None:
    await (await open_store(postgres_url)).close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        (_, (following,), _) = connection.execute(
            "SELECT relname::text FROM pg_class WHERE relname ~ '^chunk_[0-9]{4}_[0-9]{2}$' ORDER BY relname"
        ).fetchall()
        connection.execute(f"DROP TABLE {following}")
    found = (await look(postgres_url))["partitions"]

    assert found.severity is WARNING
    assert found.what == f"there is none for {following.removeprefix('chunk_').replace('_', '-')}"


async def test_a_clock_that_differs_is_told_with_by_how_much(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: here() + LONG)
    found = (await look(postgres_url))["clock"]

    assert found.severity is WARNING
    assert found.what.startswith("the clock of the database is 3")
    assert "behind" in found.what


async def test_a_transaction_that_holds_back_vacuum_is_told_with_its_session(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "OLD_SECONDS", 0.0)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        found = (await look(postgres_url))["vacuum"]

    assert found.severity is WARNING
    assert f"the session {pid} of postgres keeps a transaction open" in found.what


async def test_a_role_that_may_not_see_other_sessions_is_told_what_it_lacks(postgres_url: str) -> None:
    role = postgres_url.rpartition("/")[2].replace("test_", "role_")
    execute(postgres_url, f"CREATE ROLE {role} LOGIN")
    try:
        found = await look(postgres_url.replace("//postgres@", f"//{role}@"))
    finally:
        execute(postgres_url, f"DROP ROLE {role}")

    assert found["vacuum"].severity is WARNING
    assert "pg_monitor" in found["vacuum"].advice


async def test_sagas_that_no_live_replica_has_claimed_are_counted_by_version(postgres_url: str) -> None:
    journal = await open_store(postgres_url)
    await journal.heartbeat("a", 1)
    await Writing(journal).start()
    alone = (await look(postgres_url))["sagas"]
    await journal.heartbeat("b", LONG)
    not_served = (await look(postgres_url))["sagas"]
    await journal.close()

    assert alone.severity is not_served.severity is WARNING
    assert alone.what == "no orchestrator is alive; sagas that wait for one: 1 of place_order v1"
    assert not_served.what == "orchestrators alive: 1; sagas that none of them has claimed: 1 of place_order v1"


async def test_parked_sagas_that_nobody_wakes_are_counted(postgres_url: str) -> None:
    journal = await open_store(postgres_url)
    now = await journal.heartbeat("a", 1)
    for number, seconds in enumerate((100, 50, 1, -50)):
        writer = Writing(journal, f"saga-{number}")
        await writer.start()
        await writer.park(now - seconds * 1_000_000_000)
    found = (await look(postgres_url))["timers"]
    await journal.close()

    assert found.severity is WARNING
    assert found.what.startswith("parked sagas that are due and were not woken: 2, the first of them for 1")


async def test_a_database_with_few_connections_left_is_told_how_many() -> None:
    with running(max_connections="6", superuser_reserved_connections="1", max_wal_senders="0") as server:
        found = (await look(server.url))["connections"]

    assert found.severity is WARNING
    assert found.what == "4 of 6 connections are left; an orchestrator takes 5"


async def test_a_database_that_does_not_flush_is_an_error() -> None:
    with running(fsync="off") as server:
        found = (await look(server.url))["durability"]

    assert found.severity is ERROR
    assert found.what.startswith("fsync is off")


async def test_a_standby_is_told_by_whether_commits_wait_for_it() -> None:
    with running() as primary:
        with follower(primary) as standby:
            asynchronous = (await look(primary.url))["standbys"]
            of_standby = (await look(standby.url))["connection"]
            wait = "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"
            await asyncio.to_thread(execute, primary.url, *wait)
            await asyncio.to_thread(
                _wait_for, primary.url, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            )
            synchronous = (await look(primary.url))["standbys"]
            await asyncio.to_thread(execute, primary.url, "ALTER DATABASE postgres SET synchronous_commit = 'local'")
            waits_for_less = (await look(primary.url))["standbys"]
        await asyncio.to_thread(_wait_for, primary.url, "SELECT (count(*) = 0)::integer FROM pg_stat_replication")
        gone = (await look(primary.url))["standbys"]

    assert asynchronous.severity is WARNING
    assert asynchronous.what == "walreceiver is asynchronous: it can lack what was acknowledged"
    assert "synchronous_standby_names" in asynchronous.advice
    assert of_standby.severity is ERROR
    assert "target_session_attrs=read-write" in of_standby.advice
    assert (synchronous.severity, synchronous.what) == (FINE, "walreceiver has everything that was acknowledged")
    assert waits_for_less.severity is WARNING
    assert "synchronous_commit is local" in waits_for_less.what
    assert (gone.severity, gone.what) == (ERROR, "commits wait for a standby of *; there is none")


async def test_what_is_due_by_the_clock_of_the_database_and_not_done_is_told(postgres_url: str) -> None:
    journal = await open_store(postgres_url)
    now = await journal.store_now()
    writer = Writing(journal)
    await writer.start()
    await writer.write(status=Status.WAITING, wake_at=now + LONG)
    await journal.create_schedule(schedule(1, next_at=now + LONG))
    await journal.close()
    found = await look(postgres_url)
    assert (found["timers"].severity, found["schedules"].severity) == (FINE, FINE)

    await asyncio.to_thread(set_store_clock, postgres_url, 3700)
    found = await look(postgres_url)
    assert (found["timers"].severity, found["schedules"].severity) == (WARNING, WARNING)
    assert "were not woken: 1, the first of them for 10" in found["timers"].what
    assert found["schedules"].what.startswith("1 of 1 schedule due and not started, the first for 10")
