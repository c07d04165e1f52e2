"""A file is opened by one process, if it is a journal that this program understands."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.ports.claims import Claim
from orchestrator.ports.figures import latency_bucket
from orchestrator.store.sqlite.database import connect, migrate, migrations
from orchestrator.store.sqlite.journal import SqliteJournal
from orchestrator.store.sqlite.place import Place
from tests.support.journals import AT, Writing, recovered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def letter(path: Path) -> Iterator[Path]:
    """Something else than a journal, where the journal should be; it is still there afterwards."""
    path.parent.mkdir()
    text = "This is a letter to my grandmother. " * 100
    path.write_text(text)
    yield path
    assert path.read_text() == text


async def test_what_the_process_before_had_claimed_is_claimed_at_once_whatever_its_lease(path: Path) -> None:
    """One process has the file, so every owner that is written in it has died."""
    journal = await SqliteJournal.open(path)
    await journal.heartbeat("a", 3600_000_000_000)
    await Writing(journal).start()
    assert await journal.claim_unfinished("b", 10) == []
    await journal.close()

    journal = await SqliteJournal.open(path)
    assert await journal.claim_unfinished("b", 10) == [Claim("saga-1", 2)]
    await journal.close()


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(letter: Path) -> None:
    with pytest.raises(JournalUnavailable, match=r"journal\.db cannot be opened: file is not a database"):
        await SqliteJournal.open(letter)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        JournalUnavailable, match=re.escape(f"{tmp_path} cannot be opened: unable to open database file")
    ):
        connect(tmp_path)


async def test_a_folder_that_cannot_be_made_is_refused(letter: Path) -> None:
    with pytest.raises(JournalUnavailable, match="cannot be opened: File exists"):
        await SqliteJournal.open(letter / "journal.db")


def test_a_folder_that_another_process_has_made_in_the_meantime_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, is_dir = tmp_path / "state", type(tmp_path).is_dir

    def made_after(path: Path) -> bool:
        found = is_dir(path)
        if path == folder and not found:
            folder.mkdir()
        return found

    monkeypatch.setattr(type(tmp_path), "is_dir", made_after)

    Place(folder / "journal.db").close()


async def test_a_journal_of_a_newer_program_is_refused_and_left_as_it_is(path: Path) -> None:
    await (await SqliteJournal.open(path)).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")

    with pytest.raises(JournalUnavailable, match=r"has schema 99, this program knows up to \d+: a newer one wrote it"):
        await SqliteJournal.open(path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (99,)


def test_a_database_of_something_else_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    with closing(connect(path)) as database:
        database.execute("CREATE TABLE saga (story TEXT)")

        with pytest.raises(
            JournalUnavailable, match="migration 1: table saga already exists; its tables are not those of a journal"
        ):
            migrate(database, path)
        assert database.execute("SELECT name FROM sqlite_schema").fetchall() == [("saga",)]


async def test_a_refused_file_is_let_go_of(letter: Path) -> None:
    with pytest.raises(JournalUnavailable):
        await SqliteJournal.open(letter)

    Place(letter).close()


async def test_a_closed_journal_says_so(journal: SqliteJournal) -> None:
    await journal.close()
    await journal.close()

    with pytest.raises(JournalUnavailable, match="is closed"):
        await Writing(journal).start()
    with pytest.raises(JournalUnavailable, match="is closed"):
        await journal.read("saga-1")


async def test_commits_are_synchronous(journal: SqliteJournal) -> None:
    def pragma(name: str) -> object:
        return journal._writing.execute(f"PRAGMA {name}").fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2, "2 is FULL: each commit waits for the disk"


def test_every_migration_can_be_the_one_that_is_missing(path: Path) -> None:
    path.parent.mkdir()
    newest = len(migrations())
    for known in range(newest + 1):
        with closing(connect(path.with_name(f"at-{known}.db"))) as database:
            for number, script in enumerate(migrations()[:known], start=1):
                database.executescript(f"{script}; PRAGMA user_version = {number}")
            assert migrate(database, path) == newest
            assert database.execute("PRAGMA user_version").fetchone() == (newest,)
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_had_started_and_ended_before_figures_were_kept_is_counted(path: Path) -> None:
    path.parent.mkdir()
    took = (0, 999_999, 1_000_000, 5_000_000_000, 10**15)
    with closing(connect(path)) as database:
        for number, script in enumerate(migrations()[:8], start=1):
            database.executescript(f"{script}; PRAGMA user_version = {number}")
        for number, took_so_long in enumerate(took):
            values = (f"saga-{number}", AT, AT + took_so_long)
            database.execute(
                "INSERT INTO saga "
                "(saga_id, definition, version, status, token, digest, started_at, ended_at, attributes) "
                "VALUES (?, 'buy', 1, 3, 1, x'', ?, ?, '{}')",
                values,
            )
        migrate(database, path)
        rows = database.execute("SELECT status, latency, number FROM figure WHERE grain = 0").fetchall()

    assert {(status, latency): number for status, latency, number in rows} == {(1, 0): 5} | Counter(
        (3, latency_bucket(each)) for each in took
    )


def test_the_schema_is_the_sum_of_the_migrations(path: Path) -> None:
    """Each thing that the migrations make and do not drop is in the schema, word for word, and nothing else is."""
    path.parent.mkdir()
    with closing(connect(path)) as database:
        migrate(database, path)
        found = database.execute(
            "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'sqlite_sequence'"
        ).fetchall()
    schema = {name: plain(without_comments(sql)) for name, sql in found}
    made: dict[str, str] = {}
    for statement in [plain(each) for script in migrations() for each in without_comments(script).split(";")]:
        match statement.split(" "):
            case ["CREATE", "TABLE" | "INDEX", name, *_]:
                made[name] = statement
            case ["DROP", "TABLE" | "INDEX", name]:
                del made[name]
            case ["ALTER", "TABLE", name, "ADD", "COLUMN", *column]:
                before, after = schema[name].split(f", {' '.join(column)}")
                schema[name] = before + after
            case ["INSERT", "INTO", name, *_]:
                assert name in made, f"fills what is not made: {statement}"
            case _:
                assert not statement, f"neither makes nor drops anything: {statement}"

    assert sorted(schema.values()) == sorted(made.values())


def without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*", "", sql)


def plain(sql: str) -> str:
    return " ".join(sql.split())


async def test_the_log_does_not_grow_while_it_is_written(path: Path) -> None:
    journal = await SqliteJournal.open(path)
    log = path.with_name(f"{path.name}-wal")
    before = log.stat().st_size
    pens = [Writing(journal, f"saga-{number}") for number in range(200)]
    await asyncio.gather(*(writer.start() for writer in pens))
    for number in range(5):
        await asyncio.gather(*(writer.write(recovered(number)) for writer in pens))

    assert before > 10 << 20
    assert log.stat().st_size == before
    assert len(await journal.read("saga-7")) == 6
    await journal.close()


async def test_a_stretched_log_that_a_dead_process_left_behind_is_read(path: Path) -> None:
    journal = await SqliteJournal.open(path)
    await Writing(journal).start()
    left_behind = path.with_name("left-behind.db")
    for suffix in ("", "-wal"):
        left_behind.with_name(left_behind.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    await journal.close()

    journal = await SqliteJournal.open(left_behind)
    assert len(await journal.read("saga-1")) == 1
    await journal.close()


async def test_on_a_disk_with_little_room_the_log_takes_no_more_than_it_needs(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(path.parent.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100 << 20))
    journal = await SqliteJournal.open(path)
    await Writing(journal).start()

    assert path.with_name(f"{path.name}-wal").stat().st_size < 1 << 20
    await journal.close()
