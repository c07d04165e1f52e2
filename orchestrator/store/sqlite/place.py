r"""Where a journal lies: its folder is made, it is locked, and its names are seen to lead to it still.

A journal that is deleted, renamed or replaced while it runs can be written on: SQLite has it open. But the next start
would open what lies at its path then, and know nothing of what was acknowledged. So with every commit, before anything
of it is acknowledged, the path that was given must lead to the inode that was opened, and that of the log to the log.

::

    in place ──some name leads elsewhere──▶ astray: nothing is written, what the log holds is saved
        ▲                                     │
        └───────the same inode is back────────┘

Astray, every append is refused, with what happened and what to do. The process goes on: what runs is recovered as soon
as the file is back; a restart opens whatever lies at the path then.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalUnavailable
from orchestrator.store.sqlite.locking import JournalLock, identity_of
from orchestrator.store.sqlite.refusals import unavailable

if TYPE_CHECKING:
    from orchestrator.store.sqlite.locking import Identity

_log = logging.getLogger(__name__)

_OWN_FOLDER: Final = 0o700
_FOR_GROUP: Final = (stat.S_IRGRP | stat.S_IWGRP, stat.S_IXGRP)
_FOR_OTHERS: Final = (stat.S_IROTH | stat.S_IWOTH, stat.S_IXOTH)


class Place:
    """The place of one journal, which is this process's until :meth:`close`.

    Args:
        path: the journal as it was named: it may be relative, and lead over symbolic links.

    Attributes:
        path: the database without symbolic links, beside which SQLite keeps its log.

    Raises:
        JournalUnavailable: it cannot be opened, or another orchestrator has it.
    """

    def __init__(self, path: Path) -> None:
        try:
            named = path.absolute()
            self.path = resolved(named)
            _make_folder(self.path.parent)
            self._lock = JournalLock(self.path)
        except OSError as error:
            raise unavailable(path, "cannot be opened", error) from None
        self._named = named
        self._log_path = _beside(self.path, "-wal")
        self._expected: dict[Path, Identity | None] = {named: self._lock.identity}
        self._trouble = ""

    def refuse_lost_log(self) -> None:
        """Refuse to begin a journal beside the log of another, which SQLite would throw away.

        Raises:
            JournalUnavailable: there is such a log.
        """
        if _size(self.path) == 0 and _size(self._log_path) > 0:
            raise JournalUnavailable(
                f"the journal {self.path} is not there, and its log {self._log_path} is: put the journal back to "
                "which the log belongs; if there is none to be saved, remove the log, and start again"
            )

    def watch(self) -> None:
        """From now on the log must stay, too: SQLite has made it.

        Raises:
            JournalUnavailable: what was opened is not there already.
        """
        self._expected[self._log_path] = identity_of(self._log_path)
        if trouble := self.trouble():
            raise JournalUnavailable(trouble)
        self._warn_of_readers()

    def trouble(self) -> str:
        """What has happened to the files, and what to do; empty while each is in its place. It does not raise."""
        trouble = self._found()
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble:
                _log.critical("%s", trouble)
            else:
                _log.warning("the journal %s is back in its place, and is written again", self._named)
        return trouble

    def close(self) -> None:
        """Let go of it. SQLite must have closed it before."""
        self._lock.close()

    def _found(self) -> str:
        for path, expected in self._expected.items():
            found = identity_of(path)
            if found is None or found != expected:
                what = "is not there any more" if found is None else "is another file now"
                return (
                    f"the journal {self._named} was moved, removed or replaced while it is in use: {path} {what}; "
                    "nothing is written until the same file is back. Put it back; or stop this orchestrator with "
                    "SIGTERM, put the journal there that is to be recovered, with its own -wal or none, then start"
                )
        if not self._lock.keep():
            return (
                f"the lock file of the journal {self._named} was removed or replaced, and cannot be locked again: "
                "another orchestrator has the journal now. Nothing is written here: stop one of the two"
            )
        return ""

    def _warn_of_readers(self) -> None:
        folder = self.path.parent.stat().st_mode
        for path in (self.path, self._log_path, _beside(self.path, "-shm")):
            mode = path.stat().st_mode if path.exists() else 0
            if any(mode & file_bits and folder & folder_bit for file_bits, folder_bit in (_FOR_GROUP, _FOR_OTHERS)):
                _log.warning(
                    "others of this machine can read the journal's file %s (mode %04o), which holds whatever the "
                    "sagas were given, card tokens too: chmod 600 %s",
                    *(path, stat.S_IMODE(mode), path),
                )


def resolved(path: Path) -> Path:
    """The path without symbolic links. SQLite resolves them, too, and keeps its log beside the file itself."""
    return Path(os.path.realpath(path))


def _make_folder(folder: Path) -> None:
    """Make what is missing, for this user alone. What is there already stays as it is."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=_OWN_FOLDER, exist_ok=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
