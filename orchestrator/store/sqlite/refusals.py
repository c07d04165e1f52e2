"""Says of an error of the system or of SQLite what is wrong with the journal's file, and what to do about it."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalUnavailable

if TYPE_CHECKING:
    from pathlib import Path

_ROOM: Final = "free space, then go on"
_RIGHTS: Final = "let the user that runs this read and write the file and its folder"
_READ_ONLY: Final = "mount its file system to be written, or name a journal elsewhere"
_NO_FOLDER: Final = "a part of its path is a file and no folder: name another path"
_UNKNOWN_TO_SYSTEM: Final = "mend that, or name a journal elsewhere"
_UNKNOWN: Final = "the file is as it was; this is a fault of the program: report it with the log"

_OF_THE_SYSTEM: Final = {
    errno.ENOENT: "see that its path is right",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EISDIR: "name a file, this is a folder",
    errno.ENOTDIR: _NO_FOLDER,
    errno.EEXIST: _NO_FOLDER,
    errno.ELOOP: "its symbolic links lead in a circle: mend them, or name another path",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the limit of open files of this machine",
}
_OF_SQLITE: Final = {
    sqlite3.SQLITE_ERROR: "its tables are not those of a journal: name another path, or put it back from a backup",
    sqlite3.SQLITE_FULL: _ROOM,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_READONLY: f"{_RIGHTS}, and {_READ_ONLY}",
    sqlite3.SQLITE_CANTOPEN: f"see that it is there, and {_RIGHTS}",
    sqlite3.SQLITE_BUSY: "another program has it locked: end that one's transaction, then go on",
    sqlite3.SQLITE_LOCKED: "another program has it locked: end that one's transaction, then go on",
    sqlite3.SQLITE_CORRUPT: "stop, and put the file back from a backup, or save what is left with sqlite3's .recover",
    sqlite3.SQLITE_NOTADB: "it is something else than a journal: name another path",
    sqlite3.SQLITE_IOERR: "the disk or its file system fails: look at the system's log, and mend it",
    sqlite3.SQLITE_NOLFS: "its file system takes no larger file: move the journal to another",
}


def unavailable(path: Path, what: str, error: Exception) -> JournalUnavailable:
    """The error to raise for another one.

    Args:
        path: the journal's file.
        what: what is impossible, such as ``cannot be opened``.
        error: why, as the system, SQLite or an encoder says it.
    """
    why = error.strerror if isinstance(error, OSError) and error.strerror else error
    return JournalUnavailable(f"the journal {path} {what}: {why}; {_advice(error)}")


def _advice(error: Exception) -> str:
    if isinstance(error, OSError):
        return _OF_THE_SYSTEM.get(error.errno or 0, _UNKNOWN_TO_SYSTEM)
    # The lower byte is the kind, the others say more of it. Errors of the binding itself have none.
    kind = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    return _OF_SQLITE.get(kind, _UNKNOWN)
