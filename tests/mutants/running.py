"""pytest in a process of its own, ended with everything that it has started."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_PYTEST: Final = (sys.executable, "-m", "pytest", "-q", "-x", "--tb=short", "-p", "no:cacheprovider", "--no-header")
_POLL_SECONDS: Final = 0.05
# A mutant may never stop collecting things.
_MEMORY_BYTES: Final = 6 * 2**30


class Stopped(Exception):
    """The user wants the run to end."""


class Stop(threading.Event):
    """Set when the run shall end: every process is ended then, and nothing more is tried."""


class Ended(NamedTuple):
    """How a run of pytest ended.

    Attributes:
        code: what pytest ended with; None where it had to be ended.
        output: what it wrote.
        seconds: how long it took.
    """

    code: int | None
    output: str
    seconds: float


def run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float, stop: Stop) -> Ended:
    """Run pytest in a folder, for no longer than so many seconds.

    Raises:
        Stopped: the run is to end before pytest has.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*_PYTEST, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _limit_memory(process.pid)
            code = _wait(process, started + seconds, stop)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        return Ended(code, output.read().decode(errors="replace"), time.monotonic() - started)


def _wait(process: subprocess.Popen[bytes], until: float, stop: Stop) -> int | None:
    while time.monotonic() < until:
        if stop.is_set():
            raise Stopped
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_POLL_SECONDS)
    return None


def _limit_memory(pid: int) -> None:
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
