"""Only one orchestrator opens a journal, under any name of its file, and also after a file beside it was removed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.store.sqlite import locking
from orchestrator.store.sqlite.journal import SqliteJournal
from orchestrator.store.sqlite.locking import JournalLock
from orchestrator.store.sqlite.reading import SqliteReader
from tests.support.journals import Writing, recovered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("little_room")

IN_USE = "is in use by another orchestrator; stop that one, or give this one another journal"

with_locks_of_inodes = pytest.mark.skipif(
    locking._LOCK_OF_DESCRIPTION is None, reason="this system locks no inodes: the lock file is all that there is"
)


@pytest.fixture
def without_locks_of_inodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system whose only lock is the lock file."""
    monkeypatch.setattr(locking, "_LOCK_OF_DESCRIPTION", None)


def lock_file_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def as_it_is(path: Path, _: Path) -> Path:
    return path


def by_a_symbolic_link(path: Path, other: Path) -> Path:
    other.symlink_to(path)
    return other


def by_a_link_to_a_link_in_another_folder(path: Path, other: Path) -> Path:
    first = other.with_name("first.db")
    first.symlink_to(path)
    other.symlink_to("first.db")
    return other


def by_a_linked_folder(path: Path, other: Path) -> Path:
    other.symlink_to(path.parent)
    return other / path.name


def by_a_way_around(path: Path, _: Path) -> Path:
    return path.parent / ".." / path.parent.name / path.name


def by_a_relative_path(path: Path, _: Path) -> Path:
    os.chdir(path.parent)
    return path.relative_to(path.parent)


def by_a_relative_link(path: Path, other: Path) -> Path:
    other.symlink_to(os.path.relpath(path, other.parent))
    return other


NAMES = [
    as_it_is,
    by_a_symbolic_link,
    by_a_link_to_a_link_in_another_folder,
    by_a_linked_folder,
    by_a_way_around,
    by_a_relative_path,
    by_a_relative_link,
]


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where another name of the journal can be made; the folder that a process is in is put back afterwards."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    return tmp_path / "other" / "current.db"


@pytest.mark.parametrize("named", NAMES)
async def test_a_journal_of_another_process_is_refused_by_whatever_path(
    path: Path, other: Path, elsewhere: subprocess.Popen[bytes], named: Callable[[Path, Path], Path]
) -> None:
    name = named(path, other)
    with pytest.raises(JournalUnavailable, match=IN_USE):
        await SqliteJournal.open(name)

    elsewhere.kill()
    elsewhere.wait()
    await (await SqliteJournal.open(name)).close()


@pytest.mark.usefixtures("without_locks_of_inodes", "elsewhere")
@pytest.mark.parametrize("named", NAMES)
async def test_where_inodes_cannot_be_locked_the_lock_file_beside_the_resolved_path_is(
    path: Path, other: Path, named: Callable[[Path, Path], Path]
) -> None:
    with pytest.raises(JournalUnavailable, match=IN_USE):
        await SqliteJournal.open(named(path, other))


@pytest.mark.parametrize("named", NAMES)
async def test_a_second_opening_in_the_same_process_is_refused_by_whatever_path(
    journal: SqliteJournal, path: Path, other: Path, named: Callable[[Path, Path], Path]
) -> None:
    with pytest.raises(JournalUnavailable, match=IN_USE):
        await SqliteJournal.open(named(path, other))

    await Writing(journal).start()
    assert await journal.find("saga-1") is not None


async def test_a_refusal_names_the_journal(journal: SqliteJournal, path: Path) -> None:
    assert journal is not None
    with pytest.raises(JournalUnavailable, match=f"the journal {re.escape(str(path))} {IN_USE}"):
        await SqliteJournal.open(path)


def remove_the_lock_file(path: Path) -> Path:
    lock_file_of(path).unlink()
    return path


def replace_the_lock_file(path: Path) -> Path:
    lock_file_of(path).unlink()
    lock_file_of(path).touch()
    return path


def move_the_database(path: Path) -> Path:
    return path.rename(path.with_name("old.db"))


def move_the_folder(path: Path) -> Path:
    return path.parent.rename(path.parent.with_name("moved")) / path.name


@with_locks_of_inodes
@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("tamper", [remove_the_lock_file, replace_the_lock_file, move_the_database, move_the_folder])
async def test_a_journal_of_another_process_is_refused_after_its_files_were_removed_or_moved(
    path: Path, tamper: Callable[[Path], Path]
) -> None:
    with pytest.raises(JournalUnavailable, match=IN_USE):
        await SqliteJournal.open(tamper(path))


@pytest.fixture
def mounted(path: Path, other: Path, elsewhere: subprocess.Popen[bytes]) -> Iterator[Path]:
    """Where the file of another process's journal is mounted, without its folder."""
    assert elsewhere.poll() is None
    other.touch()
    if not shutil.which("mount") or subprocess.run(["mount", "--bind", path, other], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield other
    subprocess.run(["umount", other], check=True)


@with_locks_of_inodes
async def test_a_journal_of_another_process_is_refused_where_its_file_is_mounted(mounted: Path) -> None:
    with pytest.raises(JournalUnavailable, match=IN_USE):
        await SqliteJournal.open(mounted)


def link(other: Path, path: Path) -> None:
    other.hardlink_to(path)


@pytest.mark.parametrize("in_use", [True, False], ids=["in use", "not in use"])
async def test_a_journal_with_a_second_hard_link_is_refused_by_both_names_and_by_readers(
    path: Path, other: Path, request: pytest.FixtureRequest, *, in_use: bool
) -> None:
    """Each name would have a log of its own: what one has acknowledged, the other would not know."""
    await (await SqliteJournal.open(path)).close()
    if in_use:
        request.getfixturevalue("elsewhere")
    link(other, path)

    with pytest.raises(JournalUnavailable, match=r"in use|has 2 names \(hard links\).* remove the others"):
        await SqliteJournal.open(path)
    with pytest.raises(JournalUnavailable, match=r"in use|has 2 names \(hard links\).* remove the others"):
        await SqliteJournal.open(other)
    with pytest.raises(JournalUnavailable, match="has 2 names"):
        SqliteReader.beside(other)


async def test_a_hard_link_is_refused_also_where_inodes_cannot_be_locked(
    path: Path, other: Path, elsewhere: subprocess.Popen[bytes], without_locks_of_inodes: None
) -> None:
    assert elsewhere.poll() is None
    assert without_locks_of_inodes is None
    link(other, path)

    with pytest.raises(JournalUnavailable, match="has 2 names"):
        await SqliteJournal.open(other)


async def test_a_journal_whose_other_name_is_gone_is_opened(path: Path, other: Path) -> None:
    await (await SqliteJournal.open(path)).close()
    link(other, path)
    os.unlink(other)  # noqa: PTH108

    await (await SqliteJournal.open(path)).close()


async def test_a_file_system_that_locks_no_inodes_leaves_the_lock_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "no such locks here")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    await (await SqliteJournal.open(path)).close()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """An earlier version of this program, which takes the lock file and no other lock."""
    with lock_file_of(path).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


async def test_a_journal_that_an_earlier_version_has_is_refused(path: Path) -> None:
    await (await SqliteJournal.open(path)).close()

    with locked(path), pytest.raises(JournalUnavailable, match=IN_USE):
        await SqliteJournal.open(path)
    await (await SqliteJournal.open(path)).close()


@pytest.mark.parametrize("tamper", [remove_the_lock_file, replace_the_lock_file])
async def test_a_lock_file_that_goes_missing_is_locked_anew_with_the_next_append(
    journal: SqliteJournal, path: Path, caplog: pytest.LogCaptureFixture, tamper: Callable[[Path], Path]
) -> None:
    writer = Writing(journal)
    await writer.start()
    tamper(path)
    for number in range(3):
        await writer.write(recovered(number))

    assert caplog.text.count("journal.db.lock was removed or replaced; it is locked anew: leave it there") == 1
    with pytest.raises(BlockingIOError), locked(path):
        pass


async def test_a_lock_file_that_another_process_has_taken_lets_nothing_be_appended_until_it_lets_go(
    journal: SqliteJournal, path: Path
) -> None:
    writer = Writing(journal)
    await writer.start()
    lock_file_of(path).unlink()
    with locked(path):
        for number in range(3):
            with pytest.raises(JournalUnavailable, match="another orchestrator has the journal now"):
                await Writing(journal, f"unheard-{number}").start()
    await Writing(journal, "saga-2").start()

    assert await journal.find("saga-2") is not None
    assert await journal.find("unheard-2") is None, "what is known to be astray is not written"


def test_a_lock_file_that_is_removed_while_it_is_locked_is_locked_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock
    removed: list[Path] = []

    def remove_and_lock(file: int, operation: int) -> None:
        if not removed:
            removed.append(lock_file_of(path))
            lock_file_of(path).unlink()
        lock(file, operation)

    path.parent.mkdir()
    monkeypatch.setattr(fcntl, "flock", remove_and_lock)
    lock_of_journal = JournalLock(path)
    monkeypatch.undo()

    with pytest.raises(BlockingIOError), locked(path):
        pass
    lock_of_journal.close()


@with_locks_of_inodes
@pytest.mark.parametrize("times", [1, 1000])
async def test_a_database_that_is_replaced_while_it_is_locked_is_locked_again_and_not_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    lock = fcntl.fcntl
    spares: list[Path] = []

    def replace_and_lock(file: int, command: int, argument: bytes) -> None:
        if len(spares) < times:
            spares.append(path.rename(path.with_name(f"spare-{len(spares)}")))
            path.touch()
        lock(file, command, argument)

    monkeypatch.setattr(fcntl, "fcntl", replace_and_lock)
    if times == 1:
        journal = await SqliteJournal.open(path)
        await Writing(journal).start()
        await journal.close()
    else:
        with pytest.raises(JournalUnavailable, match="is replaced again and again; stop whatever does that"):
            await SqliteJournal.open(path)
        assert len(spares) < 100


def read_as_the_last_user(path: Path) -> None:
    read = (
        "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('SELECT 1 FROM saga').fetchall(); d.close()"
    )
    subprocess.run([sys.executable, "-c", read, path], check=True)


async def test_a_refused_opening_leaves_the_locks_of_sqlite_in_place(journal: SqliteJournal, path: Path) -> None:
    """SQLite removes the log when the last user closes a database: another process must see that there is one more."""
    await Writing(journal).start()
    with pytest.raises(JournalUnavailable):
        await SqliteJournal.open(path)
    await asyncio.to_thread(read_as_the_last_user, path)

    assert path.with_name(f"{path.name}-wal").exists()
    await Writing(journal, "saga-2").start()


async def test_a_closed_journal_can_be_opened_by_another_process(
    journal: SqliteJournal, request: pytest.FixtureRequest
) -> None:
    await journal.close()

    assert request.getfixturevalue("elsewhere").poll() is None


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not tell what is open")
async def test_openings_and_refusals_leave_no_file_open(path: Path) -> None:
    await (await SqliteJournal.open(path)).close()
    before = open_files()
    journal = await SqliteJournal.open(path)
    with pytest.raises(JournalUnavailable):
        await SqliteJournal.open(path)
    await journal.close()
    with locked(path), pytest.raises(JournalUnavailable):
        await SqliteJournal.open(path)

    assert open_files() == before
