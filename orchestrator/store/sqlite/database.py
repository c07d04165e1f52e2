"""Opens the SQLite file: exclusively, migrated, durable."""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import sqlite3
from importlib import resources
from typing import IO, TYPE_CHECKING, Final

from orchestrator.errors import JournalUnavailable

if TYPE_CHECKING:
    from pathlib import Path

LOG_PAGES: Final = 4000
"""How long the log is, in pages of 4 KiB."""

_LOG_MEBIBYTES: Final = LOG_PAGES * 4096 >> 20
_LOGS_ON_A_ROOMY_DISK: Final = 16
_CACHE_KIBIBYTES: Final = 32 * 1024
_NUMBER = re.compile(r"(\d{4})_\w+\.sql")


def lock(path: Path) -> IO[bytes]:
    """Take the file for this process; the lock is held until the returned file is closed, or the process dies.

    Raises:
        JournalUnavailable: another process has it, or its folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise JournalUnavailable(f"the journal {path} cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise JournalUnavailable(
            f"the journal {path} is in use by another orchestrator; stop that one, or give this one another journal"
        ) from None
    return file


def connect(path: Path) -> sqlite3.Connection:
    """Open one connection that commits durably: WAL, synchronous=FULL. Usable from any one thread at a time.

    Raises:
        JournalUnavailable: the file cannot be opened or is no database.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error as error:
        raise JournalUnavailable(f"the journal {path} cannot be opened: {error}") from None
    return connection


def stretch_log(connection: sqlite3.Connection, path: Path) -> None:
    """Make the write-ahead log as long now as it will become: to flush a file that grows takes twice as long.

    What is too large for the cache is written into the log before its transaction ends; here it never does.
    """
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
    if shutil.disk_usage(path.parent).free < _LOGS_ON_A_ROOMY_DISK * _LOG_MEBIBYTES << 20:
        return
    with contextlib.suppress(sqlite3.Error):  # a full disk will be noticed by whoever has something to write
        connection.execute("PRAGMA cache_size = 10")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE stretching (filler BLOB)")
        connection.executemany("INSERT INTO stretching VALUES (zeroblob(?))", [(1 << 20,)] * _LOG_MEBIBYTES)
    with contextlib.suppress(sqlite3.Error):
        connection.execute("ROLLBACK")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open one connection that only reads, also while another process writes. It takes no lock and migrates nothing.

    Raises:
        JournalUnavailable: there is no journal there, or another version of this program wrote it.
    """
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    except sqlite3.Error as error:
        raise JournalUnavailable(f"the journal {path} cannot be opened: {error}") from None
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise JournalUnavailable(f"the journal {path} cannot be read: {error}") from None
    known = len(migrations())
    if version != known:
        connection.close()
        raise JournalUnavailable(
            f"the journal {path} has schema {version}, this program reads {known}: another version wrote it"
        )
    return connection


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the schema up to date, one transaction a migration; the version that it has now.

    Raises:
        JournalUnavailable: a newer version of this program wrote the file.
    """
    scripts = migrations()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(scripts):
        raise JournalUnavailable(
            f"the journal has schema {version}, this program knows up to {len(scripts)}: a newer one wrote it"
        )
    for number, script in enumerate(scripts[version:], start=version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error as error:
            connection.rollback()
            raise JournalUnavailable(f"migration {number} of the journal failed: {error}") from None
    return len(scripts)


def migrations() -> list[str]:
    """The text of each migration, in order of their numbers, which count from 1 without a gap."""
    folder = resources.files(__package__).joinpath("migrations")
    names = sorted(item.name for item in folder.iterdir() if _NUMBER.fullmatch(item.name))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1)), names
    return [folder.joinpath(name).read_text() for name in names]
