"""A database that is away, slow, locked or another one than was meant: said clearly, and never waited for long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from orchestrator.errors import EntriesUnwritable, JournalUnavailable
from orchestrator.store.opening import frozen_note, open_store
from orchestrator.store.postgres import connecting
from orchestrator.store.postgres.connecting import Absence, Connection, Link, Pool
from orchestrator.store.postgres.journal import PostgresJournal
from orchestrator.store.postgres.queries import queries
from orchestrator.store.postgres.refusals import shown
from tests.support.journals import AT, EVERY_ENTRY, Writing, recovered
from tests.support.postgres import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOBODY = "postgresql://me:secret@127.0.0.1:1/orders"


@pytest.fixture
async def journal(postgres_url: str) -> AsyncIterator[PostgresJournal]:
    opened = await PostgresJournal.open(postgres_url)
    yield opened
    await opened.close()


async def test_a_database_that_nobody_serves_is_refused_without_its_password() -> None:
    with pytest.raises(JournalUnavailable, match="can be reached from here") as refused:
        await open_store(NOBODY)
    assert str(refused.value).startswith("the journal postgresql://me:***@127.0.0.1:1/orders cannot be reached: ")
    assert "secret" not in str(refused.value)


async def test_a_database_that_is_not_there_is_refused_with_what_to_do(postgres_url: str) -> None:
    with pytest.raises(JournalUnavailable, match="create this database, or name another one"):
        await open_store(postgres_url.replace("/test_", "/absent_"))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://me:x@a,b:6/c?sslmode=require", "postgresql://me:***@a,b:6/c?sslmode=require"),
        ("postgresql://me@a/c?password=x", "postgresql://me@a/c?password=***"),
        ("postgresql://a/c", "postgresql://a/c"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, told: str) -> None:
    assert shown(url) == told


async def test_the_next_server_of_the_url_is_taken_where_the_first_is_away_or_only_reads() -> None:
    with running() as primary, running(default_transaction_read_only="on") as standby:
        reads, writes = (server.url.partition("@")[2].partition("/")[0] for server in (standby, primary))
        url = primary.url.replace(writes, f"127.0.0.1:1,{reads},{writes}") + "?target_session_attrs=read-write"
        journal = await open_store(url)
        await Writing(journal).start()
        await journal.close()

        with pytest.raises(JournalUnavailable, match="target_session_attrs=read-write"):
            await open_store(standby.url)


async def test_a_link_asks_again_after_growing_pauses_and_within_them_refuses_at_once() -> None:
    absence = Absence()
    link = Link(NOBODY, absence)
    with pytest.raises(JournalUnavailable, match="cannot be reached"):
        await link.connection()
    pauses = [absence._pause]
    for _ in range(8):
        with pytest.raises(JournalUnavailable):
            await link.connection()
        absence._not_before = 0.0
        with pytest.raises(JournalUnavailable):
            await link.connection()
        pauses.append(absence._pause)

    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == 5.0


async def test_as_soon_as_one_link_has_reached_the_database_no_other_one_refuses(postgres_url: str) -> None:
    absence = Absence()
    one, other = Link(postgres_url, absence), Link(postgres_url, absence)
    connecting_now = asyncio.ensure_future(one.connection())
    await asyncio.sleep(0)
    absence.begin(JournalUnavailable("the database is starting up"))
    absence._not_before += 3600.0
    with pytest.raises(JournalUnavailable, match="starting up"):
        await other.connection()
    await connecting_now

    assert (await other.connection()).is_usable
    await one.close()
    await other.close()


async def test_links_that_fail_at_once_make_one_pause() -> None:
    absence = Absence()
    links = [Link(NOBODY, absence) for _ in range(5)]
    await asyncio.gather(*(link.connection() for link in links), return_exceptions=True)

    assert absence._pause == 0.1


async def test_a_pool_all_of_whose_connections_are_in_use_is_unavailable_and_serves_again_later(
    postgres_url: str,
) -> None:
    pool = Pool(postgres_url, Absence(), 2, patience=0.2)
    busy = [asyncio.ensure_future(pool.fetch("SELECT pg_sleep(1)")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(JournalUnavailable, match=r"each of 2 connections has been in use for 0\.2 seconds"):
        await pool.fetch("SELECT 1")
    await asyncio.gather(*busy)

    assert list(await pool.fetch("SELECT 1")) == [(1,)]
    await pool.close()


async def test_a_statement_that_takes_too_long_is_cancelled_at_the_server(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "STATEMENT_SECONDS", 0.2)
    pool = Pool(postgres_url, Absence(), 1)
    with pytest.raises(JournalUnavailable):
        await pool.fetch("SELECT pg_sleep(60)")
    monkeypatch.undo()
    left = 1
    while left:  # until the test's own time is over
        ((left,),) = await pool.fetch(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND query LIKE 'SELECT pg_sleep(60%' AND state = 'active'"
        )
    await pool.close()


async def test_an_append_to_a_locked_saga_is_refused_in_time_and_stands_once_it_is_free(
    journal: PostgresJournal, postgres_url: str
) -> None:
    writer = Writing(journal)
    await writer.start()
    with psycopg.connect(postgres_url) as another:
        another.execute("SELECT * FROM open_saga FOR UPDATE")
        waiting = writer.write(recovered(1))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
    await waiting

    assert await journal.read("saga-1") == [EVERY_ENTRY[0], recovered(1)]


async def test_what_the_database_cannot_hold_disturbs_no_other_append_of_its_group(journal: PostgresJournal) -> None:
    good = [Writing(journal, f"saga-{number}") for number in range(3)]
    ends = await asyncio.gather(
        good[0].start(),
        Writing(journal, "with a NUL: \0").start(),
        good[1].start(attributes=(("name", "with a NUL: \0"),)),
        Writing(journal, "no text: \ud800").start(),
        good[2].start(),
        return_exceptions=True,
    )

    assert [type(end) for end in ends] == [type(None), EntriesUnwritable] * 2 + [type(None)]
    for writer in good:
        assert await journal.read(writer.saga_id) == [EVERY_ENTRY[0]]
    assert await journal.read("with a NUL: \0") == []


async def test_a_database_that_does_not_wait_for_its_disk_does_for_a_journal(postgres_url: str) -> None:
    """What was acknowledged is durable, whatever the database's default is."""
    name = postgres_url.rpartition("/")[2]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    journal = await PostgresJournal.open(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE seen (said text); CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$; "
            "CREATE TRIGGER looking AFTER INSERT ON saga FOR EACH ROW EXECUTE FUNCTION look()"
        )
        await Writing(journal).start()
        assert connection.execute("SELECT said FROM seen").fetchall() == [("on",)]
    await journal.close()


async def test_a_claim_reads_the_small_index_and_no_entries(journal: PostgresJournal, postgres_url: str) -> None:
    await journal.heartbeat("a", 10**15)
    await asyncio.gather(*(Writing(journal, f"saga-{number}").start() for number in range(3000)))
    await Writing(journal, "left", owner="dead").start()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    asking = await Connection.open(postgres_url)
    sql = queries()["claim_unfinished"].rpartition("--")[2].partition("\n")[2]
    rows = await asking.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {sql}", "b", 10, None, None)
    plan = "\n".join(line for (line,) in rows)
    await asking.close()

    tables = {line.rpartition(" on ")[2].split()[0] for line in plan.splitlines() if "Scan" in line and " on " in line}
    assert tables & {"saga", "ended_saga", "chunk"} == set(), plan
    assert "Seq Scan on open_saga" not in plan
    assert "using open_saga_claimable on open_saga" in plan


async def test_a_saga_that_froze_is_noted_for_every_replica_until_it_is_suspended(
    journal: PostgresJournal, postgres_url: str
) -> None:
    assert await journal.count() == []
    one, other = frozen_note(postgres_url), frozen_note(postgres_url)
    one.write("saga-1", "sagas.py:12")
    assert other.read() == {"saga-1": "sagas.py:12"}
    one.write("saga-2", "sagas.py:40")
    other.clear(["saga-1"])

    assert one.read() == {"saga-2": "sagas.py:40"}


def test_a_note_that_cannot_be_written_says_so_as_a_file_does() -> None:
    note = frozen_note(NOBODY)
    assert note.read() == {}
    with pytest.raises(OSError, match="cannot be reached"):
        note.write("saga-1", "sagas.py:12")


async def test_a_closed_journal_says_so(journal: PostgresJournal) -> None:
    await journal.close()
    await journal.close()

    with pytest.raises(JournalUnavailable, match="is closed"):
        await Writing(journal).start(started_at=AT)
    with pytest.raises(JournalUnavailable, match="is closed"):
        await journal.read("saga-1")
