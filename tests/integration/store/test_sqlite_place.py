"""A journal whose file is moved, removed or replaced while it runs acknowledges nothing; its files are its user's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ClaimLost, JournalUnavailable
from orchestrator.store.sqlite.journal import SqliteJournal
from tests.support.journals import EVERY_ENTRY, Writing, recovered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Tamper = Callable[[Path], None]

MOVED = (
    r"was moved, removed or replaced while it is in use: .*; nothing is written until the same file is back\. Put it"
)


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def remove_everything(path: Path) -> None:
    for file in path.parent.glob("journal.db*"):
        file.unlink()


def remove_the_database(path: Path) -> None:
    path.unlink()


def remove_the_log(path: Path) -> None:
    beside(path, "-wal").unlink()


def replace_the_database_by_a_copy(path: Path) -> None:
    shutil.copy(path, beside(path, ".copy"))
    beside(path, ".copy").rename(path)


def replace_the_log_by_a_copy(path: Path) -> None:
    replace_the_database_by_a_copy(beside(path, "-wal"))


def rename_the_database(path: Path) -> None:
    path.rename(beside(path, ".old"))


def rename_the_log(path: Path) -> None:
    beside(path, "-wal").rename(beside(path, ".old"))


def rename_the_database_and_begin_an_empty_one(path: Path) -> None:
    rename_the_database(path)
    path.touch()


def rename_the_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("old"))


def put_back(path: Path) -> None:
    """Undo any renaming."""
    old = path.parent.with_name("old")
    if old.exists():
        old.rename(path.parent)
    elif beside(path, "-wal").exists():
        beside(path, ".old").rename(path)
    else:
        beside(path, ".old").rename(beside(path, "-wal"))


RENAMINGS = [rename_the_database, rename_the_database_and_begin_an_empty_one, rename_the_log, rename_the_folder]
LOSSES = [
    remove_everything,
    remove_the_database,
    remove_the_log,
    replace_the_database_by_a_copy,
    replace_the_log_by_a_copy,
]


def let_the_loop_commit(_: SqliteJournal) -> None:
    """As on a quick disk."""


def let_the_thread_commit(journal: SqliteJournal) -> None:
    """As when the disk was slow a moment ago."""
    journal._commits._for_the_thread = 1000


@pytest.mark.parametrize("commit", [let_the_loop_commit, let_the_thread_commit])
@pytest.mark.parametrize("tamper", [*RENAMINGS, *LOSSES])
async def test_nothing_is_acknowledged_while_the_path_leads_elsewhere(
    journal: SqliteJournal, path: Path, tamper: Tamper, commit: Callable[[SqliteJournal], None]
) -> None:
    commit(journal)
    before = Writing(journal, "before")
    await before.start()
    tamper(path)

    for number in range(3):
        with pytest.raises(JournalUnavailable, match=MOVED):
            await Writing(journal, f"after-{number}").start()
    with pytest.raises(JournalUnavailable, match=MOVED):
        await before.write(recovered(1))
    with pytest.raises(JournalUnavailable, match=MOVED):
        await journal.heartbeat("a", 1)
    with pytest.raises(JournalUnavailable, match=MOVED):
        await journal.claim_unfinished("b", 10)
    assert await journal.read("before") == [EVERY_ENTRY[0]], "what was acknowledged is read still"
    assert await journal.find("after-2") is None, "what is known to be astray is not written"


@pytest.mark.parametrize("commit", [let_the_loop_commit, let_the_thread_commit])
async def test_a_file_that_is_removed_during_the_commit_acknowledges_nothing_of_it(
    journal: SqliteJournal, path: Path, commit: Callable[[SqliteJournal], None]
) -> None:
    commit(journal)
    journal._writing.set_trace_callback(lambda sql: path.unlink() if sql == "COMMIT" else None)

    with pytest.raises(JournalUnavailable, match=MOVED):
        await Writing(journal).start()
    journal._writing.set_trace_callback(None)


async def test_a_file_that_is_removed_while_another_program_has_it_locked_acknowledges_nothing(
    journal: SqliteJournal, path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = Writing(journal).start()
        for _ in range(100):  # until the append waits for the other program, on its thread
            await asyncio.sleep(0)
        remove_the_database(path)
        other.execute("ROLLBACK")
    with pytest.raises(JournalUnavailable, match=MOVED):
        await started


async def test_an_append_that_is_refused_for_its_claim_is_told_so_astray_too(
    journal: SqliteJournal, path: Path
) -> None:
    await Writing(journal).start()
    rename_the_database(path)
    started, refused = Writing(journal, "new").start(), Writing(journal, owner="b", sequence=1).write(recovered(1))

    ends = await asyncio.gather(started, refused, return_exceptions=True)
    assert [type(end) for end in ends] == [JournalUnavailable, ClaimLost]


@pytest.mark.parametrize("tamper", RENAMINGS)
async def test_a_journal_that_is_back_in_its_place_goes_on(
    journal: SqliteJournal, path: Path, caplog: pytest.LogCaptureFixture, tamper: Tamper
) -> None:
    await Writing(journal, "before").start()
    tamper(path)
    for number in range(2):
        with pytest.raises(JournalUnavailable):
            await Writing(journal, f"astray-{number}").start()
    put_back(path)
    await Writing(journal, "after").start()
    await Writing(journal, "later").start()
    await journal.close()

    assert [record.levelname for record in caplog.records] == ["CRITICAL", "WARNING"]
    assert "is back in its place, and is written again" in caplog.text
    again = await SqliteJournal.open(path)
    for saga_id in ("before", "after", "later"):
        assert await again.read(saga_id) == [EVERY_ENTRY[0]]
    await again.close()


def without_its_log(folder: Path) -> Path:
    (renamed,) = [*folder.glob("old/journal.db"), *folder.glob("folder/journal.db.old")]
    return renamed.rename(folder / "alone.db")


@pytest.mark.parametrize("tamper", [rename_the_database, rename_the_folder])
async def test_what_was_acknowledged_is_all_in_the_renamed_file_without_its_log(
    journal: SqliteJournal, path: Path, tmp_path: Path, tamper: Tamper
) -> None:
    await Writing(journal, "before").start()
    tamper(path)
    with pytest.raises(JournalUnavailable):
        await Writing(journal, "first").start()
    await journal.close()

    alone = await SqliteJournal.open(without_its_log(tmp_path))
    assert await alone.read("before") == [EVERY_ENTRY[0]]
    await alone.close()


async def test_what_was_acknowledged_is_saved_from_a_moved_log_before_the_process_ends(
    journal: SqliteJournal, path: Path, tmp_path: Path
) -> None:
    """It may be killed: what the log held must be in the database by then."""
    await Writing(journal, "before").start()
    remove_the_log(path)
    for number in range(2):
        with pytest.raises(JournalUnavailable):
            await Writing(journal, f"astray-{number}").start()

    shutil.copy(path, tmp_path / "killed.db")
    as_a_kill_leaves_it = await SqliteJournal.open(tmp_path / "killed.db")
    assert await as_a_kill_leaves_it.read("before") == [EVERY_ENTRY[0]]
    await as_a_kill_leaves_it.close()


@pytest.mark.parametrize("tamper", [remove_the_log, rename_the_log, replace_the_log_by_a_copy])
async def test_a_journal_that_has_lost_its_log_is_whole_when_it_is_opened_again(
    journal: SqliteJournal, path: Path, tamper: Tamper
) -> None:
    await Writing(journal, "before").start()
    tamper(path)
    with pytest.raises(JournalUnavailable):
        await Writing(journal, "after").start()
    await journal.close()

    again = await SqliteJournal.open(path)
    assert await again.read("before") == [EVERY_ENTRY[0]]
    await Writing(again, "later").start()
    await again.close()


async def test_a_symbolic_link_that_is_retargeted_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    current = tmp_path / "current"
    point(current, tmp_path / "a")
    journal = await SqliteJournal.open(current / "journal.db")
    await Writing(journal, "before").start()
    point(current, tmp_path / "b")
    with pytest.raises(JournalUnavailable, match=MOVED):
        await Writing(journal, "after").start()

    point(current, tmp_path / "a")
    await Writing(journal, "later").start()
    await journal.close()


def point(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


async def test_a_journal_that_was_named_by_a_relative_path_stays_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    journal = await SqliteJournal.open((tmp_path / "journal.db").relative_to(tmp_path))
    monkeypatch.chdir("/")
    await Writing(journal).start()
    assert await journal.read("saga-1") == [EVERY_ENTRY[0]]
    await journal.close()


@pytest.mark.parametrize("name", [":memory:", "file:journal.db", "file::memory:?cache=shared", "a?mode=memory#b"])
async def test_a_name_that_means_something_to_sqlite_is_a_file_like_any_other(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A journal in memory would lose every saga at the next start."""
    path.parent.mkdir()
    monkeypatch.chdir(path.parent)
    for number in range(2):
        journal = await SqliteJournal.open(path.with_name(name).relative_to(path.parent))
        await Writing(journal, f"saga-{number}").start()
        assert len(await journal.count()) == 1
        last = await journal.find("saga-0")
        await journal.close()
        assert last is not None
        assert path.with_name(name).exists()


@pytest.mark.parametrize("leave", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
async def test_a_log_without_its_journal_is_refused_and_not_thrown_away(path: Path, leave: Tamper) -> None:
    journal = await SqliteJournal.open(path)
    await Writing(journal).start()
    killed = path.parent.with_name("killed")
    shutil.copytree(path.parent, killed)
    await journal.close()
    shutil.copy(killed / "journal.db", beside(path, ".saved"))
    leave(killed / "journal.db")

    with pytest.raises(
        JournalUnavailable, match=r"is not there, and its log .*journal\.db-wal is: put the journal back"
    ):
        await SqliteJournal.open(killed / "journal.db")
    beside(path, ".saved").rename(killed / "journal.db")
    again = await SqliteJournal.open(killed / "journal.db")
    assert await again.read("saga-1") == [EVERY_ENTRY[0]]
    await again.close()


@pytest.fixture
def open_to_all() -> Iterator[None]:
    """Whatever is made is made as its maker says."""
    before = os.umask(0)
    yield
    os.umask(before)


def let_in(path: Path, mode: int) -> None:
    path.chmod(mode)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("open_to_all")
async def test_the_journal_and_its_companions_are_their_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "made" / "here" / "journal.db"
    journal = await SqliteJournal.open(path)
    await Writing(journal).start()

    assert {file.name: mode(file) for file in path.parent.iterdir()} == {
        "journal.db": 0o600,
        "journal.db-wal": 0o600,
        "journal.db-shm": 0o600,
        "journal.db.lock": 0o600,
    }
    assert mode(path.parent) == mode(path.parent.parent) == 0o700
    await journal.close()


@pytest.mark.usefixtures("open_to_all")
@pytest.mark.parametrize(
    ("of_folder", "of_file", "is_warned_of"),
    [(0o755, 0o644, True), (0o750, 0o640, True), (0o755, 0o600, False), (0o700, 0o666, False), (0o750, 0o604, False)],
)
async def test_a_journal_that_others_can_read_is_warned_of_and_left_as_it_is(
    path: Path, caplog: pytest.LogCaptureFixture, of_folder: int, of_file: int, *, is_warned_of: bool
) -> None:
    await (await SqliteJournal.open(path)).close()
    let_in(path, of_file)
    let_in(path.parent, of_folder)
    with caplog.at_level(logging.WARNING):
        await (await SqliteJournal.open(path)).close()

    assert (f"others of this machine can read the journal's file {path} (mode {of_file:04o})" in caplog.text) is (
        is_warned_of
    )
    assert (f"chmod 600 {path}-wal" in caplog.text) is is_warned_of
    assert (mode(path.parent), mode(path)) == (of_folder, of_file)
