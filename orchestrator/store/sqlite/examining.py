"""Looks at a journal in a file: its file system, its form and its room. Nothing is locked or written."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalUnavailable
from orchestrator.ports.findings import Severity, error, fine, unavailable, warning
from orchestrator.ports.schedule_document import from_document
from orchestrator.store.examining.late_schedules import examined_schedules
from orchestrator.store.examining.late_timers import timers
from orchestrator.store.sqlite.database import migration_names, version_of
from orchestrator.store.sqlite.locking import refuse_several_names
from orchestrator.store.sqlite.place import resolved
from orchestrator.store.sqlite.queries import queries
from orchestrator.store.sqlite.refusals import unavailable as refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.ports.findings import Finding

MOUNTS: Final = Path("/proc/self/mountinfo")
_OVER_A_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs", "fuse.glusterfs"}
)
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_LITTLE_BYTES: Final = 1 << 30
_TOO_LITTLE_BYTES: Final = 64 << 20
_MEBIBYTE: Final = 1 << 20
_MOST_CHECKED_BYTES: Final = 4 << 30


def examine(path: Path) -> list[Finding]:
    """Look at everything that can be looked at beside an orchestrator that has the file."""
    file = resolved(path.absolute())
    folder = next(each for each in (file.parent, *file.parents) if each.is_dir())
    around = [_file_system(folder), _room(folder)]
    if not file.exists():
        what = f"there is no journal {path} yet"
        return [
            warning("journal", what, "see that its path is right; an orchestrator makes it when it starts"),
            *around,
        ]
    try:
        refuse_several_names(path, file.stat())
        mode, version = _mode(file), version_of(path)
    except JournalUnavailable as refused:
        return [unavailable("journal", refused), *around]
    except (OSError, sqlite3.Error) as failed:
        return [unavailable("journal", refusal(path, "cannot be read", failed)), *around]
    found = [fine("journal", f"the file {file}"), _readers(file), *around, _journal_mode(mode), _schema(version)]
    try:
        return [*found, *_content(file, version)]
    except sqlite3.Error as failed:
        return [*found, unavailable("content", refusal(path, "cannot be read", failed))]


def _content(file: Path, version: int) -> list[Finding]:
    """Whether the file is whole; where it is, whether sagas are woken and schedules start what is due."""
    now = time.time_ns()
    with _opened(file) as database:
        whole = _whole(file, database)
        if version < len(migration_names()) or whole.severity is Severity.ERROR:
            return [whole]
        schedules = [from_document(*row) for row in database.execute(queries()["examine_schedules"])]
    return [_timers(file), whole, *examined_schedules(schedules, now)]


def _whole(file: Path, database: sqlite3.Connection) -> Finding:
    size = file.stat().st_size
    if size > _MOST_CHECKED_BYTES:
        what = f"not checked: the file has {size // _MEBIBYTE:,} MiB, of which every page would be read"
        return warning("content", what, f"sqlite3 {file} 'PRAGMA quick_check'")
    ((told,),) = database.execute("PRAGMA quick_check(1)")
    if told == "ok":
        return fine("content", "every page of the file is in order")
    advice = "stop, and put the file back from a backup, or save what is left with sqlite3's .recover"
    return error("content", f"the file is spoilt: {told}", advice)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        yield database


def _mode(file: Path) -> str:
    with _opened(file) as database:
        (mode,) = database.execute("PRAGMA journal_mode").fetchone()
    return str(mode)


def _timers(file: Path) -> Finding:
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        late, nanoseconds = database.execute(queries()["examine_timers"], {"now": time.time_ns()}).fetchone()
    return timers(late, (nanoseconds or 0) / 1e9)


def _journal_mode(mode: str) -> Finding:
    if mode == "wal":
        return fine("journal mode", "wal")
    advice = "an orchestrator sets it to wal when it starts; let no other program change it"
    return warning("journal mode", mode, advice)


def _schema(version: int) -> Finding:
    names = migration_names()
    if missing := ", ".join(names[version:]):
        what = f"schema {version}, this program knows {len(names)}; missing: {missing}"
        return warning("schema", what, "run orchestrator migrate; an orchestrator does so when it starts")
    return fine("schema", f"schema {version}, nothing is missing")


def _readers(file: Path) -> Finding:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        what = f"others of this machine may read {file} (mode {mode:04o}), which holds what the sagas were given"
        return warning("readers", what, f"chmod 600 {file}")
    return fine("readers", "only the owner of the file can read it")


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    what = f"{free // _MEBIBYTE:,} MiB are free at {folder}"
    if free < _TOO_LITTLE_BYTES:
        return error("free space", what, "free space: where none is left, nothing can be started or go on")
    if free < _LITTLE_BYTES:
        return warning("free space", what, "free space, or move the journal to a larger disk")
    return fine("free space", what)


def _file_system(folder: Path) -> Finding:
    kind = _kind_of(folder)
    what = f"{kind or 'of a kind that cannot be seen here'}, at {folder}"
    if kind in _OVER_A_NETWORK:
        advice = "name a journal on a local disk: over a network neither locks nor flushes can be relied on"
        return error("file system", f"{what}, lies over a network", advice)
    if kind in _IN_MEMORY:
        return warning("file system", f"{what}, is lost when the machine restarts", "name a journal on a disk")
    return fine("file system", what)


def _kind_of(folder: Path) -> str:
    """The kind of the file system, as Linux names it; empty where the system does not say."""
    try:
        lines = MOUNTS.read_text().splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        where = Path(before.split()[4].encode().decode("unicode_escape"))
        if folder.is_relative_to(where) and len(where.parts) >= best:
            best, kind = len(where.parts), after.split()[0]
    return kind
