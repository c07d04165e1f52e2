"""Processes of the procfile, started and stopped by honcho.

honcho starts them, prefixes what they say, and stops all of them when one ends. This module asks it to, and
makes sure that nothing is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

import grpc.aio
import psutil
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.demo.addresses import ORCHESTRATOR, PROCFILE, ROOT, SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

CHANNEL_OPTIONS: Final = [
    ("grpc.enable_http_proxy", 0),  # everything is on this machine
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]
"""Of channels to processes that are just starting."""

_STOPPED_BY_SIGNAL: Final = frozenset({0, 130, 143})
_START_SECONDS: Final = 5
_STOP_SECONDS: Final = 10


class ProcessEnded(Exception):
    """A process ended that should not have; what it said is in the log."""


class Processes:
    """Some processes of the procfile; a context manager that stops them at its end.

    Args:
        environment: theirs, whole, but that they find the commands of this Python first.
        log: the file to which honcho's output is appended; ``None`` lets it pass through to ours.
        names: which of them; none for all.
    """

    def __init__(self, environment: Mapping[str, str], log: Path | None, *names: str) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
        self._environment = {**environment, "PATH": path}
        self._log = log
        self._names = names or (*SERVICES, ORCHESTRATOR)
        self._honcho: subprocess.Popen[bytes] | None = None

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
        finally:
            if output:
                output.close()

    @property
    def running(self) -> bool:
        """honcho runs, and so do all the processes, or will soon."""
        return self._honcho is not None and self._honcho.poll() is None

    def kill(self) -> None:
        """Kill all of them with -9."""
        for process in self._processes():
            process.kill()
        self._await_end()

    def stop(self) -> bool:
        """Let all of them finish what they are at, and end; whether that went well."""
        if self._honcho is None:
            return True
        if self.running:
            self._await_start()
            self._honcho.terminate()
            self._await_end()
        return self._honcho.returncode in _STOPPED_BY_SIGNAL

    async def serving(self, addresses: Iterable[str]) -> None:
        """Return as soon as the health service at each address says SERVING.

        Raises:
            ProcessEnded: a process ended before.
        """
        serving = [asyncio.create_task(healthy(address)) for address in addresses]
        ending = asyncio.create_task(self.ended())
        try:
            for each in serving:
                await asyncio.wait({each, ending}, return_when=asyncio.FIRST_COMPLETED)
                if not each.done():
                    raise ProcessEnded("a process ended that should not have")
                each.result()
        finally:
            for task in (ending, *serving):
                task.cancel()

    async def ended(self) -> None:
        """Return as soon as all of them have ended."""
        while self.running:  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(0.1)

    def _await_start(self) -> None:
        """honcho fails, and leaves processes behind, when it is to stop before it has started all of them."""
        patience = time.monotonic() + _START_SECONDS
        while self.running and len(self._processes()) < len(self._names) and time.monotonic() < patience:
            time.sleep(0.1)
        time.sleep(0.2)  # until it has noticed

    def _await_end(self) -> None:
        """honcho ends when the processes have; it does not when it cannot write, as when its terminal is gone."""
        assert self._honcho is not None
        processes = self._processes()
        try:
            self._honcho.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._honcho.kill()
            self._honcho.wait()

    def _processes(self) -> list[psutil.Process]:
        """Those that run. honcho has a child for each, which reads what it says."""
        assert self._honcho is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            honcho = psutil.Process(self._honcho.pid)
            readers = honcho.children()
            return [process for process in honcho.children(recursive=True) if process not in readers]
        return []


async def healthy(address: str) -> None:
    """Return as soon as the health service at an address says SERVING."""
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        while True:
            answer = await HealthStub(channel).Check(HealthCheckRequest(), wait_for_ready=True)
            if answer.status == HealthCheckResponse.SERVING:
                return
            await asyncio.sleep(0.1)
