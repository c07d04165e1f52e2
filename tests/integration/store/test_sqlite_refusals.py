"""What the system or SQLite refuses is a typed error that says what to do."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.store.sqlite.database import connect
from orchestrator.store.sqlite.journal import SqliteJournal
from orchestrator.store.sqlite.reading import SqliteReader
from orchestrator.store.sqlite.refusals import unavailable
from tests.support.journals import EVERY_ENTRY, Writing, recovered

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("little_room")

OF_THE_SYSTEM = [
    (errno.EACCES, "let the user that runs this read and write the file and its folder"),
    (errno.EPERM, "let the user that runs this read and write the file and its folder"),
    (errno.EROFS, "mount its file system to be written, or name a journal elsewhere"),
    (errno.ENOSPC, "free space, then go on"),
    (errno.EDQUOT, "free space, then go on"),
    (errno.EMFILE, "raise the limit of open files"),
    (errno.EIO, "mend that, or name a journal elsewhere"),
]


@pytest.mark.parametrize(("number", "advice"), OF_THE_SYSTEM)
@pytest.mark.parametrize("suffix", ["", ".lock"])
async def test_what_the_system_refuses_at_the_opening_is_told_with_what_to_do(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str, suffix: str
) -> None:
    open_file = os.open

    def refuse(file: Path, *how: int) -> int:
        if str(file) == f"{path}{suffix}":
            raise OSError(number, os.strerror(number), str(file))
        return open_file(file, *how)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(JournalUnavailable, match=f"{path} cannot be opened: {os.strerror(number)}; {advice}"):
        await SqliteJournal.open(path)
    monkeypatch.undo()
    await (await SqliteJournal.open(path)).close()


@pytest.mark.parametrize(("number", "advice"), OF_THE_SYSTEM)
async def test_what_the_system_refuses_of_a_folder_is_told_with_what_to_do(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(JournalUnavailable, match=advice):
        await SqliteJournal.open(path)


def a_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def below_a_file(path: Path) -> Path:
    path.parent.touch()
    return path


def a_circle_of_links(path: Path) -> Path:
    path.parent.mkdir()
    path.symlink_to(path)
    return path


def a_pipe(path: Path) -> Path:
    path.parent.mkdir()
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (a_folder, "Is a directory; name a file, this is a folder"),
        (below_a_file, "a part of its path is a file and no folder: name another path"),
        (a_circle_of_links, "its symbolic links lead in a circle"),
        (a_pipe, "is no regular file: name another path"),
    ],
)
async def test_a_path_at_which_no_journal_can_be_is_refused(
    path: Path, make: Callable[[Path], Path], told: str
) -> None:
    with pytest.raises(JournalUnavailable, match=told):
        await SqliteJournal.open(make(path))


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (sqlite3.SQLITE_FULL, "free space, then go on"),
        (sqlite3.SQLITE_PERM, "let the user that runs this read and write the file"),
        (sqlite3.SQLITE_READONLY, "let the user .*, and mount its file system to be written"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "let the user .*, and mount its file system to be written"),
        (sqlite3.SQLITE_CANTOPEN, "see that it is there, and let the user"),
        (sqlite3.SQLITE_BUSY, "another program has it locked: end that one's transaction, then go on"),
        (sqlite3.SQLITE_LOCKED, "another program has it locked"),
        (sqlite3.SQLITE_CORRUPT, "stop, and put the file back from a backup"),
        (sqlite3.SQLITE_NOTADB, "it is something else than a journal: name another path"),
        (sqlite3.SQLITE_IOERR_FSYNC, "the disk or its file system fails: look at the system's log"),
        (sqlite3.SQLITE_NOLFS, "move the journal to another"),
        (sqlite3.SQLITE_ERROR, "its tables are not those of a journal"),
        (sqlite3.SQLITE_CONSTRAINT_CHECK, "this is a fault of the program: report it"),
        (None, "this is a fault of the program: report it"),
    ],
)
def test_what_sqlite_refuses_is_told_with_what_to_do(path: Path, code: int | None, advice: str) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    if code is not None:
        error.sqlite_errorcode = code

    with pytest.raises(JournalUnavailable, match=rf"{path} cannot be used: what SQLite says; .*{advice}"):
        raise unavailable(path, "cannot be used", error)


async def test_a_file_that_has_become_read_only_refuses_appends_is_read_and_heals(journal: SqliteJournal) -> None:
    writer = Writing(journal)
    await writer.start()
    journal._writing.execute("PRAGMA query_only = 1")
    with pytest.raises(JournalUnavailable, match="attempt to write a readonly database; let the user that runs this"):
        await Writing(journal, "saga-2").start()
    assert await journal.read("saga-1") == [EVERY_ENTRY[0]]

    journal._writing.execute("PRAGMA query_only = 0")
    await writer.write(recovered(1))
    assert await journal.find("saga-2") is None


def test_a_file_system_without_a_write_ahead_log_is_refused() -> None:
    """In memory SQLite keeps none, as on a disk over a network."""
    with pytest.raises(JournalUnavailable, match="lets SQLite keep no write-ahead log; name a journal on a local disk"):
        connect(Path(":memory:"))


def garble(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))


async def test_a_garbled_journal_is_refused_to_orchestrators_and_to_readers(path: Path) -> None:
    journal = await SqliteJournal.open(path)
    await Writing(journal).start()
    await journal.close()
    garble(path)

    with pytest.raises(JournalUnavailable, match="malformed; stop, and put the file back from a backup"):
        await SqliteJournal.open(path)
    reader = SqliteReader.beside(path)
    with pytest.raises(JournalUnavailable, match="malformed; stop, and put the file back from a backup"):
        await reader.read("saga-1")
    await reader.close()


async def test_a_journal_cannot_be_migrated_where_it_cannot_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.store.sqlite.journal.connect", lambda path: only_to_be_read(connect(path)))

    with pytest.raises(JournalUnavailable, match="brought up to date by migration 1: attempt to write a readonly"):
        await SqliteJournal.open(path)


def only_to_be_read(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("PRAGMA query_only = 1")
    return connection
