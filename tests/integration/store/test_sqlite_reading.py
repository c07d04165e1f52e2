"""A journal is read beside the orchestrator that has it, and left as it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.store.sqlite.journal import SqliteJournal
from orchestrator.store.sqlite.queries import queries
from orchestrator.store.sqlite.reading import SqliteReader
from orchestrator.store.sqlite.searching import statement
from tests.support.journals import EVERY_ENTRY, Writing, recovered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def reader(journal: SqliteJournal, path: Path) -> AsyncIterator[SqliteReader]:
    """A reader beside the journal."""
    await Writing(journal).start(*EVERY_ENTRY)
    reader = SqliteReader.beside(path)
    yield reader
    await reader.close()


async def test_what_is_durable_is_read_while_the_orchestrator_writes_on(
    journal: SqliteJournal, reader: SqliteReader
) -> None:
    assert await reader.read("saga-1") == list(EVERY_ENTRY)

    writer = Writing(journal, sequence=len(EVERY_ENTRY))
    await writer.write(recovered(1))
    await Writing(journal, "saga-2").start()

    assert (await reader.read("saga-1"))[-1] == recovered(1)
    assert await reader.find("saga-2") == await journal.find("saga-2")
    assert await reader.search(SagaFilter(), 1, "") == await journal.search(SagaFilter(), 1, "")
    assert await reader.count() == await journal.count()


async def test_a_reader_cannot_write(reader: SqliteReader) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._reading.execute("DELETE FROM saga")


async def test_a_journal_that_nobody_has_is_read_too(path: Path) -> None:
    journal = await SqliteJournal.open(path)
    await Writing(journal).start(*EVERY_ENTRY)
    await journal.close()
    reader = SqliteReader.beside(path)

    assert await reader.read("saga-1") == list(EVERY_ENTRY)
    await (await SqliteJournal.open(path)).close()
    await reader.close()


def test_a_file_that_is_not_there_is_not_made(path: Path) -> None:
    with pytest.raises(JournalUnavailable, match=r"journal\.db cannot be opened: No such file or directory; see that"):
        SqliteReader.beside(path)
    assert not path.exists()


async def test_a_journal_of_another_version_is_refused(path: Path) -> None:
    await (await SqliteJournal.open(path)).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")

    with pytest.raises(JournalUnavailable, match=r"has schema 99, this program reads \d+: another version wrote it"):
        SqliteReader.beside(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("This is a letter to my grandmother. " * 100)

    with pytest.raises(JournalUnavailable, match="cannot be read: file is not a database"):
        SqliteReader.beside(path)


async def test_a_closed_reader_says_so(reader: SqliteReader) -> None:
    await reader.close()
    await reader.close()

    with pytest.raises(JournalUnavailable, match="is closed"):
        await reader.read("saga-1")


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.COMPLETED])
async def test_a_list_of_what_has_not_completed_does_not_read_past_what_has(
    journal: SqliteJournal, status: Status
) -> None:
    sql, values = statement(SagaFilter(statuses=frozenset({status})), None, 50)
    plan = [row[3] for row in journal._writing.execute(f"EXPLAIN QUERY PLAN {sql}", values)]

    assert plan[0] == "SEARCH s USING INDEX saga_not_completed (status=?)"


@pytest.mark.parametrize("name", ["bulk_sagas", "note_bulk_sagas"])
async def test_the_sagas_of_a_bulk_act_are_found_by_their_key_and_not_by_looking_at_all_of_them(
    journal: SqliteJournal, name: str
) -> None:
    values = {"bulk_id": "a", "after": 5, "limit": 50, "answers": "[1]", "rows": "[[1, 2, 3, 4, 5]]"}
    plan = [row[3] for row in journal._writing.execute(f"EXPLAIN QUERY PLAN {queries()[name]}", values)]

    assert not [line for line in plan if line.startswith(("SCAN s", "SCAN bulk_saga")) or line.endswith("(bulk_id=?)")]
