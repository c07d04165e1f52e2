"""Processes of the procfile, started and stopped by honcho.

honcho starts them, prefixes what they say, and stops all of them when one ends. This module asks it to, and
makes sure that nothing is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING, Final, Self

import grpc.aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.demo.addresses import PROCFILE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

CHANNEL_OPTIONS: Final = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]
"""Of channels to processes that are just starting."""

_STOPPED_BY_SIGNAL: Final = frozenset({0, 130, 143})
_START_SECONDS: Final = 3
_PATIENCE_SECONDS: Final = 20
_STARTED: Final = re.compile(r"(\S+)\.1 started \(pid=(\d+)\)")


class ProcessEnded(Exception):
    """A process ended that should not have; what it said is in the log."""


class Processes:
    """Some processes of the procfile; a context manager that stops them at its end.

    Args:
        environment: theirs, whole.
        log: the file to which honcho's output is appended; ``None`` lets it pass through to ours.
        names: which of them; none for all.
    """

    def __init__(self, environment: Mapping[str, str], log: Path | None, *names: str) -> None:
        self._environment = environment
        self._log = log
        self._names = names
        self._honcho: subprocess.Popen[bytes] | None = None
        self._from = 0
        self._started_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all of them, or start them again; returns at once."""
        # No .env file of the user's has a say here.
        options = ["-f", str(PROCFILE), "-e", os.devnull, *(["--no-colour"] if self._log else [])]
        command = [sys.executable, "-m", "honcho", "start", *options, *self._names]
        output: IO[bytes] | None = None
        if self._log:
            output = self._log.open("ab")
            self._from = self._log.stat().st_size
        try:
            # In a session of its own, so that Ctrl-C reaches us first and the processes are stopped in order.
            self._honcho = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )
            self._started_at = time.monotonic()
        finally:
            if output:
                output.close()

    @property
    def running(self) -> bool:
        """honcho runs, and so do all the processes, or will soon."""
        return self._honcho is not None and self._honcho.poll() is None

    def kill(self, name: str) -> None:
        """Kill one process with -9, which makes honcho stop the others with it."""
        os.kill(self._pids()[name], signal.SIGKILL)
        self._ended()

    def stop(self) -> bool:
        """Let all of them finish what they are at, and end; whether that went well."""
        if self._honcho is None or self._honcho.poll() is not None:
            return self._honcho is None or self._honcho.returncode in _STOPPED_BY_SIGNAL
        self._await_start()
        self._honcho.terminate()
        return self._ended() in _STOPPED_BY_SIGNAL

    async def serving(self, addresses: Iterable[str]) -> None:
        """Return as soon as the health service at each address says SERVING.

        Raises:
            ProcessEnded: a process ended before.
        """
        waiting = asyncio.gather(*map(_serving, addresses))
        ending = asyncio.create_task(self.ended())
        try:
            await asyncio.wait({waiting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise ProcessEnded
            waiting.result()
        finally:
            ending.cancel()
            waiting.cancel()

    async def ended(self) -> None:
        """Return as soon as all of them have ended."""
        while self.running:  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(0.1)

    def _ended(self) -> int:
        assert self._honcho is not None
        try:
            return self._honcho.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            # Each process leads a session, and thus a group, of its own.
            for pid in self._pids().values():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            self._honcho.kill()
            return self._honcho.wait()

    def _await_start(self) -> None:
        """honcho fails, and leaves processes behind, when it is to stop before it has started all of them."""
        while self.running and time.monotonic() < self._started_at + _START_SECONDS:
            if self._names and self._pids().keys() >= set(self._names):
                return
            time.sleep(0.05)

    def _pids(self) -> dict[str, int]:
        """The ids of the processes by their names, as honcho tells them in the log."""
        if self._log is None:
            return {}
        with self._log.open("rb") as log:
            log.seek(self._from)
            return {name: int(pid) for name, pid in _STARTED.findall(log.read().decode(errors="replace"))}


async def _serving(address: str) -> None:
    """Return as soon as the health service at an address says SERVING."""
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        while True:
            answer = await HealthStub(channel).Check(HealthCheckRequest(), wait_for_ready=True)
            if answer.status == HealthCheckResponse.SERVING:
                return
            await asyncio.sleep(0.1)
