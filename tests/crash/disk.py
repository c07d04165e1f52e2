"""A disk that is full when a test says so."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.crash.processes import Process

_SIZE: Final = "32m"
_CHUNK: Final = b"\0" * 4096


class Disk(Protocol):
    """Holds a folder for one process."""

    folder: Path

    def fill(self, process: Process) -> None:
        """From now on the process can write no more."""

    def free(self, process: Process) -> None:
        """From now on it can again."""


class SmallDisk:
    """A file system of its own, in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, process: Process) -> None:  # noqa: ARG002 - the disk is full for everybody
        """See the protocol."""
        with self._filler.open("ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(_CHUNK)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self, process: Process) -> None:  # noqa: ARG002 - see fill
        """See the protocol."""
        self._filler.unlink()


class LimitedFiles:
    """For a user who may not mount: the system refuses to let the process's files grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, process: Process) -> None:
        """See the protocol. It cannot write over what it has either: the journal's log has room to spare."""
        _limit(process, len(_CHUNK))

    def free(self, process: Process) -> None:
        """See the protocol."""
        _limit(process, resource.RLIM_INFINITY)


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A disk mounted at this folder where that is allowed, else an imitation."""
    folder.mkdir()
    if os.geteuid() != 0 or not shutil.which("mount") or not _mounted(folder):
        yield LimitedFiles(folder)
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mounted(folder: Path) -> bool:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    return subprocess.run(mount, check=False, capture_output=True).returncode == 0


def _limit(process: Process, size: int) -> None:
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))
