"""Takes a journal for one process, by what it is and by where it lies.

Two locks, because each closes what the other leaves open:

* **The inode of the database**, where the system has locks of open file descriptions (Linux). Whatever leads to the
  file, a symbolic or a hard link, a mount, another container, a name that it was moved to: it is the same inode. There
  is no lock file that an operator could clean away. The locked byte lies far behind SQLite's own.
* **A lock file beside the resolved path**, for systems without such locks, and because earlier versions of this
  program know no other. It may have been removed or replaced: after it is locked, the path must lead to what was
  locked; while the journal is in use that is seen with every commit, and the lock is taken again or lost.

Rejected: a record of the owner inside the database. By another hard link SQLite makes another log, in which there is
no such record. For the same reason a file with several names is refused: what was written by one of them may be
missing by the others.

Closing any descriptor of the database drops all locks that SQLite has on it in this process. So the descriptor here is
closed after the connections, and an inode that this process has already is refused without being opened again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import stat
import struct
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalUnavailable

if TYPE_CHECKING:
    from pathlib import Path

Identity = tuple[int, int]
"""A file whatever its name is: its device and its inode. No other file has them while this one is open."""

_MODE: Final = 0o600
_TRIES: Final = 10
_FAR_BEHIND: Final = 1 << 62  # SQLite locks bytes at 1 GiB
_ONE_BYTE: Final = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, _FAR_BEHIND, 1, 0)
_LOCK_OF_DESCRIPTION: Final[int | None] = getattr(fcntl, "F_OFD_SETLK", None) if os.uname().sysname == "Linux" else None
_TAKEN_ELSEWHERE: Final = {errno.EACCES, errno.EAGAIN}

_log = logging.getLogger(__name__)

_taken: set[Identity] = set()
"""The databases that this process has."""


class JournalLock:
    """The exclusive right of this process to a journal, from the making of this object until :meth:`close`.

    Args:
        path: the database, without symbolic links. It is made if it is not there.

    Attributes:
        identity: that of the database.

    Raises:
        JournalUnavailable: another orchestrator has it, it has several names, or it is no file.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_path = path.with_name(f"{path.name}.lock")
        with contextlib.ExitStack() as taken:
            self._database = _open_database(path)
            taken.callback(os.close, self._database)
            self.identity = _identity(os.fstat(self._database))
            _taken.add(self.identity)
            taken.callback(_taken.discard, self.identity)
            self._refuse_other_than_one_file()
            self._file = _open_lock_file(self._lock_path)
            if self._file is None:
                raise _in_use(path)
            self._file_identity = _identity(os.fstat(self._file))
            taken.pop_all()

    def keep(self) -> bool:
        """See that the lock file is still what is locked, else lock what lies there now; whether that is possible."""
        if self._file is not None:
            if identity_of(self._lock_path) == self._file_identity:
                return True
            os.close(self._file)
            self._file = None
        with contextlib.suppress(OSError):
            self._file = _open_lock_file(self._lock_path)
        if self._file is None:
            return False
        self._file_identity = _identity(os.fstat(self._file))
        _log.warning("the lock file %s was removed or replaced; it is locked anew: leave it there", self._lock_path)
        return True

    def close(self) -> None:
        """Let go of the journal. SQLite must have closed it before."""
        _taken.discard(self.identity)
        os.close(self._database)
        if self._file is not None:
            os.close(self._file)

    def _refuse_other_than_one_file(self) -> None:
        found = os.fstat(self._database)
        if not stat.S_ISREG(found.st_mode):
            raise JournalUnavailable(f"the journal {self._path} is no regular file: name another path")
        refuse_several_names(self._path, found)


def identity_of(path: Path) -> Identity | None:
    """What a path leads to now, if it leads anywhere."""
    try:
        return _identity(os.stat(path))  # noqa: PTH116 - with every commit; half as dear as Path.stat
    except OSError:
        return None


def refuse_several_names(path: Path, found: os.stat_result) -> None:
    """Refuse a file that is reached by several hard links.

    Raises:
        JournalUnavailable: it is.
    """
    if found.st_nlink > 1:
        raise JournalUnavailable(
            f"the journal {path} has {found.st_nlink} names (hard links), and what was written by one may be missing "
            f"by another; remove the others (find <folder> -samefile {path}), or copy it with sqlite3's .backup"
        )


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino


def _in_use(path: Path) -> JournalUnavailable:
    return JournalUnavailable(
        f"the journal {path} is in use by another orchestrator; stop that one, or give this one another journal"
    )


def _open_database(path: Path) -> int:
    """Open and lock what the path leads to, which may become something else while that is done."""
    for _ in range(_TRIES):
        if identity_of(path) in _taken:
            raise _in_use(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _MODE)
        try:
            is_ours = _lock_inode(descriptor)
            is_there = identity_of(path) == _identity(os.fstat(descriptor))
        except OSError:
            os.close(descriptor)
            raise
        if is_ours and is_there:
            return descriptor
        os.close(descriptor)
        if not is_ours:
            raise _in_use(path)
    raise JournalUnavailable(f"the journal {path} is replaced again and again; stop whatever does that")


def _lock_inode(descriptor: int) -> bool:
    """Whether no other process has locked this inode, as far as the system can tell."""
    if _LOCK_OF_DESCRIPTION is None:
        return True
    try:
        fcntl.fcntl(descriptor, _LOCK_OF_DESCRIPTION, _ONE_BYTE)
    except OSError as error:
        # Any other error: this file system has no such locks, and the lock file is all that there is.
        return error.errno not in _TAKEN_ELSEWHERE
    return True


def _open_lock_file(path: Path) -> int | None:
    """The locked file; ``None`` where another process has it."""
    for _ in range(_TRIES):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        if identity_of(path) == _identity(os.fstat(descriptor)):
            return descriptor
        os.close(descriptor)  # it was removed between the two: what is locked is not what others will find
    return None
