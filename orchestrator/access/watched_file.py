"""A file that may be written anew while the process runs, and that is read again then.

Purpose: tokens and keys are rotated without a restart. Invariant: what is in force is always the whole of one version
of the file; where a new version cannot be read, the last good one stays in force, and the log says so once.

::

    unchanged ──the file changes──▶ changing ──it does not change again until the next look──▶ read ──▶ unchanged
                                                                                          │
                                                                 it cannot be read ───────┴──▶ the last good one

A version is read only at the second look, because a file that is being written is not whole.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)

Content = TypeVar("Content")
_Version = tuple[int, int, int]


class WatchedFile(Generic[Content]):
    """What a file holds.

    Args:
        path: the file.
        read: from its text to what it holds.

    Attributes:
        content: what its last good version holds.

    Raises:
        OSError: the file cannot be read.
        ValueError: ``read`` refuses it.
    """

    def __init__(self, path: Path, read: Callable[[str], Content]) -> None:
        self._path = path
        self._read = read
        self._in_force = self._seen = self._version()
        self.content = read(path.read_text())

    def refresh(self) -> bool:
        """Look at the file, and read it where it has changed; whether it was. It blocks, and raises nothing."""
        try:
            version = self._version()
            if version == self._in_force:
                return False
            if version != self._seen:
                self._seen = version
                return False
            self._in_force = version
            self.content = self._read(self._path.read_text())
        except (OSError, ValueError) as error:
            self._complain(str(error))
            return False
        self._complained = ""
        _log.info("%s has changed and is in force", self._path)
        return True

    _complained = ""

    def _complain(self, why: str) -> None:
        if why != self._complained:
            self._complained = why
            _log.error("%s cannot be used; what it said before stays in force: %s", self._path, why)

    def _version(self) -> _Version:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
