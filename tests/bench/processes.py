"""The processes of the bench: started, watched, and gone when it is gone."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # it ships no types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
_PATIENCE_SECONDS = 30.0


class BenchFailed(Exception):
    """The bench cannot go on; the message tells its user why."""


@dataclass(frozen=True)
class Child:
    """A process that listens on a port of this machine."""

    name: str
    pid: int
    port: int

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def started(name: str, module: str, *arguments: str, path: Path) -> Iterator[Child]:
    """A Python module as a process that has said its port on a line of its own; ended with the block.

    Args:
        name: what it is called in results.
        module: such as ``tests.bench.receiver``; it calls :func:`end_with_parent`.
        arguments: its command line.
        path: a folder that it imports from, too.

    Raises:
        BenchFailed: it has not said a port; the message holds its last words.
    """
    with running(module, *arguments, path=path) as process:
        yield Child(name, process.pid, _said_port(name, process))


@contextlib.contextmanager
def running(module: str, *arguments: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module as a process, ended with the block; see :func:`started`."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=_environment(path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the bench, which then ends its processes in order
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()  # see end_with_parent
            try:
                process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def last_words(process: subprocess.Popen[bytes]) -> str:
    """The last line of what a process has complained of, which names the error; kills it."""
    process.kill()
    assert process.stderr is not None
    lines = process.stderr.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {process.wait()}"


def is_setting(name: str) -> bool:
    """Whether an environment variable of this name changes what is measured."""
    return name.startswith(("OTEL_", "ORCHESTRATOR_", "STATE_DIR"))


def end_with_parent() -> None:
    """End this process when its parent closes our stdin, or dies."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os._exit(0)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()


class Watched:
    """The CPU that this process and some others have taken.

    Args:
        pids: the others' process ids by name.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._clocks: dict[str, list[Callable[[], float]]] = {"orchestrator": [partial(_cpu_seconds, os.getpid())]}
        for name, pid in pids.items():
            self.add(name, pid)

    def add(self, name: str, *pids: int) -> None:
        """From now on these count too, under this name."""
        self._clocks.setdefault(name, []).extend(partial(_cpu_seconds, pid) for pid in pids)

    def add_family(self, name: str, pid: int) -> None:
        """From now on this process counts too, with its children."""
        self._clocks.setdefault(name, []).append(partial(_family_seconds, pid))

    def instead(self, name: str, pids: Iterable[int]) -> Watched:
        """The same, but that under this name others count than here."""
        other = Watched({})
        other._clocks = {**self._clocks, name: []}
        other.add(name, *pids)
        return other

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU since their start, in user and system mode, by name."""
        return {name: sum(clock() for clock in clocks) for name, clocks in self._clocks.items()}


def busy_seconds() -> float:
    """Seconds that the processors of this machine have worked since it was started, for all processes."""
    times = psutil.cpu_times()._asdict()
    # A guest's time is in that of its user, too.
    return float(sum(spent for name, spent in times.items() if name not in {"idle", "iowait", "guest", "guest_nice"}))


def written_bytes() -> int | None:
    """What this process has given to the disk, in bytes; ``None`` where the system does not tell."""
    try:
        return int(psutil.Process().io_counters().write_bytes)
    except (AttributeError, psutil.Error, NotImplementedError):
        return None


def resident_bytes() -> int:
    """The memory that this process has."""
    return int(psutil.Process().memory_info().rss)


def _cpu_seconds(pid: int) -> float:
    if sys.platform == "linux":
        # The process's own clock, as clock_getcpuclockid(3) makes it: nanoseconds, where psutil counts hundredths.
        return time.clock_gettime((~pid << 3) | 2)
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _family_seconds(pid: int) -> float:
    """Of a process, and of its children, those included that have ended; in hundredths for these."""
    process = psutil.Process(pid)
    ended = process.cpu_times()
    total = _cpu_seconds(pid) + float(ended.children_user + ended.children_system)
    for child in process.children():
        with contextlib.suppress(OSError, psutil.Error):  # it has just ended, and counts as such the next time
            total += _cpu_seconds(child.pid)
    return total


def _said_port(name: str, process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _PATIENCE_SECONDS)
    line = process.stdout.readline().decode().strip() if ready else ""
    if line.isdecimal() and line != "0":
        return int(line)
    raise BenchFailed(f"the {name} did not start: {last_words(process)}")


def _environment(path: Path) -> dict[str, str]:
    """This process's environment, with a folder to import from, and without settings of what is measured."""
    kept = {name: value for name, value in os.environ.items() if not is_setting(name)}
    return kept | {"PYTHONPATH": f"{path}{os.pathsep}{ROOT}"}
