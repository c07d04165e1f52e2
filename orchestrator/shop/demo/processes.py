"""Processes of the procfile in the background: started, killed and stopped together, what they say in a file."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import grpc.aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from orchestrator.shop.demo.procfile import COMMANDS, ROOT

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

_STOPPED: Final = frozenset({0, -signal.SIGTERM})
_STOP_SECONDS: Final = 10
_POLL_SECONDS: Final = 0.1


class ProcessEnded(Exception):
    """A process ended that should not have; what it said is in the log."""


class Processes:
    """Some processes of the procfile; a context manager that stops them at its end.

    Args:
        environment: theirs, whole, but that they find the commands of this Python first.
        log: the file to which their output is appended.
        names: which of them; none for all.
        commands: what a shell runs, by the name of the process.
    """

    def __init__(
        self, environment: Mapping[str, str], log: Path, *names: str, commands: Mapping[str, str] = COMMANDS
    ) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
        self._environment = {**environment, "PATH": path}
        self._log = log
        self._commands = commands
        self._names = names or tuple(commands)
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all of them, or start them again; returns at once."""
        with self._log.open("ab") as output:
            for name in self._names:
                # In a session of its own, so that Ctrl-C reaches us first and the processes are stopped in order.
                self._started[name] = subprocess.Popen(  # noqa: S602 - the commands are those of our own procfile
                    self._commands[name],
                    shell=True,
                    cwd=ROOT,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def kill(self) -> None:
        """Kill all of them with -9; they are gone when this returns."""
        for process in self._started.values():
            process.kill()
            process.wait()

    def stop(self) -> bool:
        """Let all of them finish what they are at, and end; whether that went well."""
        for process in self._started.values():
            process.terminate()
        ends = [_end(process) for process in self._started.values()]
        return _STOPPED.issuperset(ends)

    async def serving(self, addresses: Iterable[str]) -> None:
        """Return as soon as the health service at each address says SERVING.

        Raises:
            ProcessEnded: a process ended before.
        """
        serving = [asyncio.create_task(healthy(address)) for address in addresses]
        ending = asyncio.create_task(self._first_end())
        try:
            for each in serving:
                await asyncio.wait({each, ending}, return_when=asyncio.FIRST_COMPLETED)
                if not each.done():
                    raise ProcessEnded(f"{ending.result()} ended, which it should not have")
                each.result()
        finally:
            for task in (ending, *serving):
                task.cancel()

    async def _first_end(self) -> str:
        """The name of the first process that has ended, as soon as one has."""
        while True:
            for name, process in self._started.items():
                if process.poll() is not None:
                    return name
            await asyncio.sleep(_POLL_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> int:
    """How it has ended, which it must soon."""
    try:
        return process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


async def healthy(address: str) -> None:
    """Return as soon as the health service at an address says SERVING."""
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        health: Any = HealthStub(channel)  # its stubs know no asynchronous call
        while True:
            try:
                answer = await health.Check(HealthCheckRequest(), wait_for_ready=True)
                if answer.status == HealthCheckResponse.SERVING:
                    return
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:  # which it is where a connection breaks
                    raise
            await asyncio.sleep(_POLL_SECONDS)
