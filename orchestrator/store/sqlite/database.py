"""Opens connections to the SQLite file: durable, and migrated. Whose it is, is said in ``locking``."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
from importlib import resources
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalUnavailable
from orchestrator.ports.figures import latency_bucket
from orchestrator.store.sqlite.locking import refuse_several_names
from orchestrator.store.sqlite.place import resolved
from orchestrator.store.sqlite.refusals import unavailable

if TYPE_CHECKING:
    from pathlib import Path

LOG_PAGES: Final = 4000
"""How long the log is, in pages of 4 KiB."""

_LOG_MEBIBYTES: Final = LOG_PAGES * 4096 >> 20
_LOGS_ON_A_ROOMY_DISK: Final = 16
_CACHE_KIBIBYTES: Final = 32 * 1024
_NUMBER = re.compile(r"(\d{4})_\w+\.sql")


def connect(path: Path) -> sqlite3.Connection:
    """Open one connection that commits durably: WAL, synchronous=FULL. Usable from any one thread at a time.

    Raises:
        JournalUnavailable: the file cannot be opened or is no database.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    except sqlite3.Error as error:
        raise unavailable(path, "cannot be opened", error) from None
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.create_function("latency_bucket", 1, latency_bucket, deterministic=True)  # a migration calls it
    except sqlite3.Error as error:
        connection.close()
        raise unavailable(path, "cannot be opened", error) from None
    if mode != "wal":
        connection.close()
        raise JournalUnavailable(
            f"the journal {path} cannot be opened: its file system, perhaps one over a network, lets SQLite keep no "
            "write-ahead log; name a journal on a local disk"
        )
    return connection


def stretch_log(connection: sqlite3.Connection, path: Path) -> None:
    """Make the write-ahead log as long now as it will become: to flush a file that grows takes twice as long.

    What is too large for the cache is written into the log before its transaction ends; here it never does.
    """
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
    if shutil.disk_usage(path.parent).free < _LOGS_ON_A_ROOMY_DISK * _LOG_MEBIBYTES << 20:
        return
    with contextlib.suppress(sqlite3.Error):  # a full disk will be noticed when something is written
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
        file = resolved(path.absolute())
        refuse_several_names(path, file.stat())
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise unavailable(path, "cannot be opened", error) from None
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise unavailable(path, "cannot be read", error) from None
    known = len(migrations())
    if version != known:
        connection.close()
        raise JournalUnavailable(
            f"the journal {path} has schema {version}, this program reads {known}: another version wrote it"
        )
    return connection


def migrate(connection: sqlite3.Connection, path: Path) -> int:
    """Bring the schema up to date, one transaction a migration; the version that it has now.

    Raises:
        JournalUnavailable: a newer version of this program wrote the file, or it cannot be written.
    """
    scripts = migrations()
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise unavailable(path, "cannot be opened", error) from None
    if version > len(scripts):
        raise JournalUnavailable(
            f"the journal {path} has schema {version}, this program knows up to {len(scripts)}: a newer one wrote it"
        )
    for number, script in enumerate(scripts[version:], start=version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                connection.rollback()
            raise unavailable(path, f"cannot be brought up to date by migration {number}", error) from None
    return len(scripts)


def version_of(path: Path) -> int:
    """The number of the newest migration that a file has; 0 for a file that is empty or not there. It only reads.

    Raises:
        JournalUnavailable: it cannot be read, or a newer version of this program wrote it.
    """
    if not path.exists():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(f"{resolved(path.absolute()).as_uri()}?mode=ro", uri=True)) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
    except (OSError, sqlite3.Error) as error:
        raise unavailable(path, "cannot be read", error) from None
    known = len(migration_names())
    if version > known:
        raise JournalUnavailable(
            f"the journal {path} has schema {version}, this program knows up to {known}: a newer one wrote it"
        )
    return int(version)


def migrations() -> list[str]:
    """The text of each migration, in order of their numbers."""
    folder = resources.files(__package__).joinpath("migrations")
    return [folder.joinpath(name).read_text() for name in migration_names()]


def migration_names() -> list[str]:
    """The file of each migration, in order of their numbers, which count from 1 without a gap."""
    folder = resources.files(__package__).joinpath("migrations")
    names = sorted(item.name for item in folder.iterdir() if _NUMBER.fullmatch(item.name))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1)), names
    return names
