"""Files that belong together, may be written anew while the process runs, and are read again then.

Purpose: certificates, trusted callers, tokens and keys are exchanged without a restart. Invariant: what is in force was
read from all files as one, and was found good; where it is not, the last good content stays in force, and the log says
so once.

::

    in force ──a file has changed──▶ read ──it is good──▶ in force
                                       │
                                       └──it is not──▶ the last good content stays; read again at each look

Of files that are written one after another, the first look may find an old key beside a new certificate. That is not
good, and a later look finds the new key. But of a text, a half may be good and say less: what is ``settled`` is read
only at a second look that finds it as the first one did.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

_LOGGER: Final = logging.getLogger("orchestrator.files")

ContentT = TypeVar("ContentT")
_Version = tuple[tuple[int, int, int], ...]


class WatchedFiles(Generic[ContentT]):
    """What some files hold.

    Args:
        paths: the files.
        read: from their bytes, in the same order, to what they hold.
        settled: a new version is read once two looks have found it the same.

    Attributes:
        content: what their last good version holds.

    Raises:
        OSError: a file cannot be read.
        ValueError: ``read`` refuses them.
    """

    def __init__(self, paths: Sequence[Path], read: Callable[..., ContentT], *, settled: bool = False) -> None:
        self._paths = tuple(paths)
        self._read = read
        self._looking = threading.Lock()
        self._complained = ""
        self._settled = settled
        self._in_force = self._seen = self._version()
        self.content = self._read_all()

    def refresh(self) -> bool:
        """Look at the files, and read them where one has changed; whether other content is in force.

        It blocks, raises nothing, and may be called by any thread.
        """
        with self._looking:
            try:
                version = self._version()
                if version == self._in_force:
                    return False
                if self._settled and version != self._seen:
                    self._seen = version
                    return False
                self.content = self._read_all()
            except (OSError, ValueError) as error:
                self._complain(str(error))
                return False
            self._in_force, self._complained = version, ""
        _LOGGER.info("%s: the new content is in force", self)
        return True

    def _complain(self, why: str) -> None:
        if why != self._complained:
            self._complained = why
            _LOGGER.error("%s cannot be used; what was there before stays in force: %s", self, why)

    def _read_all(self) -> ContentT:
        return self._read(*(path.read_bytes() for path in self._paths))

    def _version(self) -> _Version:
        found = [path.stat() for path in self._paths]
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)

    def __str__(self) -> str:
        return ", ".join(map(str, self._paths))
