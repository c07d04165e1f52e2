"""The tables of PostgreSQL: made once, brought up to date, and shared by programs of two versions."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.journal.cause import Cause
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.ports.figure_sums import Failures, summed
from orchestrator.ports.figures import DAY, Step, Window, latency_bucket
from orchestrator.ports.journal import Append, NewSaga
from orchestrator.store.batching.batches import BatchedWrite
from orchestrator.store.opening import open_reader, open_store
from orchestrator.store.postgres.connecting import Connection
from orchestrator.store.postgres.groups import Place, values_of
from orchestrator.store.postgres.queries import queries
from orchestrator.store.postgres.schema import Schema, migrate, migrations, schema_of
from tests.support.journals import AT, EVERY_ENTRY, Writing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    connection = await Connection.open(url)
    yield connection
    await connection.close()


def execute(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


async def test_the_schema_is_the_sum_of_the_migrations(postgres_url: str) -> None:
    """Everything that the migrations make and do not drop is in the schema, and nothing else is."""
    await (await open_store(postgres_url)).close()
    made: set[str] = set()
    for migration in migrations():
        without_comments = re.sub(r"--[^\n]*", "", migration.script)
        for verb, name in re.findall(r"^(CREATE|DROP) (?:TABLE|INDEX|FUNCTION) (\w+)", without_comments, re.MULTILINE):
            (made.add if verb == "CREATE" else made.remove)(name)

    relations = execute(postgres_url, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    functions = execute(postgres_url, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
    found = {str(name) for (name,) in [*relations, *functions]}
    of_constraints_and_months = re.compile(r"\w+_(pkey|key|seq)|chunk_\d{4}_\d\d|journal_schema")
    assert {name for name in found if name in made or not of_constraints_and_months.fullmatch(name)} == made


async def test_the_partition_of_a_month_that_is_over_is_dropped_when_nothing_is_left_in_it(postgres_url: str) -> None:
    journal = await open_store(postgres_url)
    months = ("2001_01", "2001_02")
    for month, begin, end in zip(months, ("2001-01-01", "2001-02-01"), ("2001-02-01", "2001-03-01"), strict=True):
        execute(
            postgres_url,
            f"CREATE TABLE chunk_{month} PARTITION OF chunk FOR VALUES FROM ('{begin}') TO ('{end}')",
        )
    for number, month in enumerate(("2001-01-01", "2001-02-01")):
        writer = Writing(journal, f"saga-{number}")
        await writer.start()
        await writer.end()
        for table in ("chunk", "saga"):
            column = "saga" if table == "chunk" else "id"
            of = f"{column} = (SELECT id FROM saga WHERE saga_id = 'saga-{number}')"
            execute(postgres_url, f"UPDATE {table} SET month = '{month}' WHERE {of}")
    before = partitions(postgres_url)
    assert await journal.delete_ended(["saga-1"]) == ["saga-1"]
    await journal.shrink()

    assert partitions(postgres_url) == before - {"chunk_2001_02"}
    assert len(await journal.read("saga-0")) == 2
    await Writing(journal, "new").start()
    await journal.close()


async def test_a_partition_that_is_in_use_is_dropped_another_time_and_keeps_no_append_waiting(
    postgres_url: str,
) -> None:
    journal = await open_store(postgres_url)
    execute(
        postgres_url, "CREATE TABLE chunk_2001_01 PARTITION OF chunk FOR VALUES FROM ('2001-01-01') TO ('2001-02-01')"
    )
    with psycopg.connect(postgres_url) as reading:
        reading.execute("SELECT count(*) FROM chunk")
        await asyncio.gather(journal.shrink(), Writing(journal).start())
    assert "chunk_2001_01" in partitions(postgres_url)
    await journal.close()

    another = await open_store(postgres_url)
    await another.shrink()
    assert "chunk_2001_01" not in partitions(postgres_url)
    await another.close()


def partitions(url: str) -> set[str]:
    """The names of those that are there."""
    found = execute(url, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'chunk'::regclass")
    return {str(name) for (name,) in found}


async def test_every_migration_can_be_the_one_that_is_missing(postgres_url: str) -> None:
    newest = migrations()[-1]
    async with connected(postgres_url) as connection:
        assert await schema_of(postgres_url, connection) == Schema(0, 0)
        assert await migrate(postgres_url, connection) == migrations()
        assert await migrate(postgres_url, connection) == []
        assert await schema_of(postgres_url, connection) == Schema(newest.number, newest.layout)


async def test_replicas_that_open_an_empty_database_at_once_migrate_it_once(postgres_url: str) -> None:
    journals = await asyncio.gather(*(open_store(postgres_url) for _ in range(5)))
    await Writing(journals[0]).start()

    assert [await journal.read("saga-1") for journal in journals] == [[EVERY_ENTRY[0]]] * 5
    assert len(execute(postgres_url, "SELECT version FROM journal_schema")) == len(migrations())
    for journal in journals:
        await journal.close()


async def test_an_older_program_goes_on_beside_tables_that_a_newer_one_of_its_layout_has_brought_up_to_date(
    postgres_url: str,
) -> None:
    await (await open_store(postgres_url)).close()
    execute(postgres_url, "ALTER TABLE saga ADD COLUMN invented_later text")
    layout = migrations()[-1].layout
    execute(postgres_url, f"INSERT INTO journal_schema (version, layout) VALUES (99, {layout})")

    journal = await open_store(postgres_url)
    await Writing(journal).start()
    assert await journal.read("saga-1") == [EVERY_ENTRY[0]]
    await journal.close()
    await (await open_reader(postgres_url)).close()


async def test_what_an_older_program_starts_and_ends_beside_a_newer_one_is_counted(postgres_url: str) -> None:
    """It calls the function that it knows, which says nothing of causes; what it had missed is noted later."""
    journal = await open_store(postgres_url)
    cause = Cause(ReasonCode.REJECTED, "shop.v1.Shop.Buy", "declined", AT)
    new = NewSaga("buy", 1, b"", AT, ())
    places = [
        Place([BatchedWrite(Append("saga-1", "old", 1, 0, EVERY_ENTRY[:1], Status.RUNNING, None, new), pending())]),
        Place([BatchedWrite(Append("saga-2", "old", 1, 0, EVERY_ENTRY[:1], Status.COMPENSATED, AT, new), pending())]),
    ]
    async with connected(postgres_url) as connection:
        known = ", ".join(f"${number}" for number in range(1, 30))
        await connection.fetch(f"SELECT append_group({known})", *values_of(places)[:29])

    day = Window(AT // DAY * DAY, AT // DAY * DAY + DAY, Step.DAY)
    figures = summed(await journal.figures(day))
    assert (figures.started, figures.ended) == (2, {Status.COMPENSATED: 1})
    assert figures.failures == [Failures("", "", 1)]
    assert await journal.without_cause(0, 10) == (["saga-2"], None)
    for _ in range(2):
        await journal.note_causes([("saga-2", cause)])
        assert summed(await journal.figures(day)).failures == [Failures(cause.command, "REJECTED", 1)]
    record = await journal.find("saga-2")
    assert record is not None
    assert record.cause == cause
    await journal.close()


async def test_what_had_started_and_ended_before_figures_were_kept_is_counted(postgres_url: str) -> None:
    before = [migration for migration in migrations() if "figure" not in migration.name]
    took = (0, 999_999, 1_000_000, 5_000_000_000, 10**15)
    async with connected(postgres_url) as connection:
        for migration in before[:8]:
            await connection.execute(migration.script)
        for number, took_so_long in enumerate(took):
            of_one = f"VALUES ('saga-{number}', 'buy', 1, '', {AT}, '2023-11-01', '{{}}')"
            sql = "INSERT INTO saga (saga_id, definition, version, digest, started_at, month, attributes)"
            await connection.execute(f"{sql} {of_one}")
            of_end = f"SELECT id, 3, {AT + took_so_long}, 1, 1 FROM saga WHERE saga_id = 'saga-{number}'"
            await connection.execute(f"INSERT INTO ended_saga (saga, status, ended_at, token, sequence) {of_end}")
        for migration in [each for each in migrations() if each not in before[:8]]:
            await connection.execute(migration.script)
        sql = queries()["figures"].rstrip(";")
        rows = await connection.fetch(sql, AT // DAY * DAY, AT + 20 * 10**15, DAY, [0, 2, 4], "")

    counted = {(status, latency): number for _, _, status, latency, _, _, number in map(tuple, rows)}
    assert counted == {(1, 0): 5} | Counter((3, latency_bucket(each)) for each in took)


def pending() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def test_tables_of_a_newer_layout_are_refused_and_left_as_they_are(postgres_url: str) -> None:
    await (await open_store(postgres_url)).close()
    execute(postgres_url, "INSERT INTO journal_schema (version, layout) VALUES (99, 7)")

    for opening in (open_store, open_reader):
        with pytest.raises(JournalUnavailable, match=r"schema 99 of layout 7, this program knows layout \d+: a newer"):
            await opening(postgres_url)
    assert execute(postgres_url, "SELECT max(version) FROM journal_schema") == [(99,)]


async def test_a_reader_makes_no_tables_and_says_what_does(postgres_url: str) -> None:
    with pytest.raises(JournalUnavailable, match=r"has schema 0, this program reads \d+: .* with orchestrator migrate"):
        await open_reader(postgres_url)
    assert execute(postgres_url, "SELECT to_regclass('saga')") == [(None,)]


async def test_tables_of_something_else_are_refused_and_left_as_they_are(postgres_url: str) -> None:
    execute(postgres_url, "CREATE TABLE saga (story text)")

    with pytest.raises(JournalUnavailable, match='cannot be brought up to date: relation "saga" already exists'):
        await open_store(postgres_url)
    assert execute(postgres_url, "SELECT to_regclass('chunk'), to_regclass('journal_schema')") == [(None, None)]


async def test_a_role_that_may_only_write_opens_what_another_one_has_migrated(postgres_url: str) -> None:
    await (await open_store(postgres_url)).close()
    role = f"writer_{postgres_url.rpartition('_')[2]}"
    execute(postgres_url, f"CREATE ROLE {role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        as_writer = re.sub(r"//\w+@", f"//{role}@", postgres_url)
        journal = await open_store(as_writer)
        await Writing(journal).start()
        assert await journal.read("saga-1") == [EVERY_ENTRY[0]]
        await journal.close()
    finally:
        execute(postgres_url, f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_entries_lie_in_the_partition_of_their_month_and_large_ones_out_of_line(postgres_url: str) -> None:
    journal = await open_store(postgres_url)
    await Writing(journal).start(*EVERY_ENTRY * 200)
    (place,) = execute(postgres_url, "SELECT DISTINCT tableoid::regclass::text FROM chunk")
    (months,) = execute(postgres_url, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'chunk'::regclass")
    (storage,) = execute(
        postgres_url,
        f"SELECT attstorage::text, (SELECT reltoastrelid <> 0 FROM pg_class WHERE oid = attrelid) FROM pg_attribute "
        f"WHERE attrelid = '{place[0]}'::regclass AND attname = 'entries'",
    )
    (toasted,) = execute(
        postgres_url, f"SELECT pg_relation_size(reltoastrelid) > 0 FROM pg_class WHERE oid = '{place[0]}'::regclass"
    )

    assert re.fullmatch(r"chunk_\d{4}_\d\d", str(place[0]))
    assert months == (4,), "three months, and what no month takes"
    assert storage == ("e", True)
    assert toasted == (True,)
    assert await journal.read("saga-1") == list(EVERY_ENTRY * 200)
    await journal.close()


async def test_a_month_whose_partition_is_missing_loses_nothing(postgres_url: str) -> None:
    journal = await open_store(postgres_url)
    execute(
        postgres_url,
        "DO $$ DECLARE part text; BEGIN FOR part IN SELECT inhrelid::regclass::text FROM pg_inherits "
        "WHERE inhparent = 'chunk'::regclass AND inhrelid <> 'chunk_other'::regclass LOOP "
        "EXECUTE 'DROP TABLE ' || part; END LOOP; END $$",
    )
    writer = Writing(journal)
    await writer.start()
    await journal.close()

    again = await open_store(postgres_url)
    assert await again.read("saga-1") == [EVERY_ENTRY[0]]
    await Writing(again, sequence=1).write(EVERY_ENTRY[1])
    assert await again.read("saga-1") == list(EVERY_ENTRY[:2])
    await again.close()
