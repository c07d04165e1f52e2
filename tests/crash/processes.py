"""Processes that are killed, frozen and started again, on an address that stays theirs.

None of them outlives the test run, not even one that is killed with -9: a guardian process is told of each, and kills
what is left when the pipe to us breaks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import grpc.aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

PATIENCE_SECONDS: Final = 60.0
"""How long anything may take that should happen soon; two cores may be busy."""
CHANNEL_OPTIONS: Final = [
    ("grpc.enable_http_proxy", 0),  # everything is on this machine
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    # A channel of its own, which knows nothing of earlier failures.
    ("grpc.use_local_subchannel_pool", 1),
    # Where there are several addresses, each has its share.
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
]
"""Of channels to processes that come and go."""

_POLL_SECONDS: Final = 0.02
_LINES_SHOWN: Final = 30
# Below the ports that the system gives to connections, so that no other process takes one while its own is away;
# and away from the default ports of the shop, where a developer may run one.
_PORTS: Final = range(20_000, 32_000)
_GUARDIAN: Final = """
import os, signal, sys
alive = set()
for line in sys.stdin:
    pid = int(line)
    alive.add(pid) if pid > 0 else alive.discard(-pid)
for pid in alive:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


class Connect(Protocol):
    """Opens a channel to an address."""

    def __call__(
        self, address: str, interceptors: Sequence[grpc.aio.ClientInterceptor] = (), /
    ) -> grpc.aio.Channel: ...


def connect_in_plain(address: str, interceptors: Sequence[grpc.aio.ClientInterceptor] = (), /) -> grpc.aio.Channel:
    """A channel without TLS."""
    return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS, interceptors=interceptors)


class ProcessFailed(Exception):
    """A process ended, or did not serve, when it should have."""


class Guardian:
    """Sees to it that the processes end when we do, however we end; a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _GUARDIAN],
            stdin=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()

    def watch(self, pid: int) -> None:
        """This process is not to outlive us."""
        self._tell(pid)

    def forget(self, pid: int) -> None:
        """This process has ended."""
        self._tell(-pid)

    def _tell(self, number: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")


class Process:
    """One process of the shop. It can be started again after each end.

    Args:
        name: what to call it.
        module: what ``python -m`` runs, with its arguments.
        address: ``host:port`` at which its health service answers.
        environment: its whole environment.
        log: the file to which its output is appended.
        guardian: who sees to its end.
        connect: opens a channel to it.
    """

    def __init__(
        self,
        name: str,
        module: tuple[str, ...],
        address: str,
        environment: Mapping[str, str],
        log: Path,
        guardian: Guardian,
        connect: Connect | None = None,
    ) -> None:
        self.name = name
        self.address = address
        self.log = log
        self._command = [sys.executable, "-m", *module]
        self._environment = dict(environment)
        self._guardian = guardian
        self.connect = connect or connect_in_plain
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """It has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process is not None
        return self._process.pid

    def start(self, **further: str) -> None:
        """Start it; with further environment variables this time. Returns at once."""
        assert not self.running, f"{self.name} is running"
        with self.log.open("ab") as output:
            # In a session of its own: Ctrl-C reaches us alone, and we stop the processes in order.
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment | further,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guardian.watch(self.pid)

    async def serving(self) -> None:
        """Return as soon as its health service says SERVING.

        Raises:
            ProcessFailed: it ended instead, or it takes too long.
        """
        checking = asyncio.ensure_future(_serving(self.connect(self.address)))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not checking.done():
                    if not self.running:
                        raise ProcessFailed(f"{self.name} ended before it served:\n{self.last_words}")
                    await asyncio.wait((checking,), timeout=_POLL_SECONDS)
        except TimeoutError:
            raise ProcessFailed(f"{self.name} does not serve:\n{self.last_words}") from None
        finally:
            checking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await checking

    def set(self, **settings: str) -> None:
        """From the next start on, further environment variables."""
        self._environment |= settings

    async def restart(self, **further: str) -> None:
        """Start it, and wait until it serves."""
        self.start(**further)
        await self.serving()

    async def says(self, *wanted: str) -> None:
        """Wait until its log holds each of these."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(each not in self.log.read_text(errors="replace") for each in wanted):  # noqa: ASYNC110 - a file
                await asyncio.sleep(_POLL_SECONDS)

    async def ended(self) -> int:
        """Wait until it has ended by itself; how it did, negative for a signal."""
        assert self._process is not None
        code = await asyncio.to_thread(self._process.wait, PATIENCE_SECONDS)
        self._guardian.forget(self.pid)
        return code

    def kill(self) -> None:
        """Kill it with -9; it is gone when this returns."""
        self._signal(signal.SIGKILL)
        self._reap()

    def freeze(self) -> None:
        """Take its time away: SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Give it time again: SIGCONT."""
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to drain and end: SIGTERM. Returns at once."""
        self._signal(signal.SIGTERM)

    def end(self) -> None:
        """Make sure that it has ended: drained if it can, killed otherwise."""
        if self.running:
            self.thaw()
            self.terminate()
        self._reap()

    @property
    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-_LINES_SHOWN:])

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _reap(self) -> int:
        if self._process is None:
            return 0
        try:
            code = self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._guardian.forget(self._process.pid)
        return code


def free_addresses(count: int) -> list[str]:
    """So many addresses of this machine that no process uses, and that the system gives to none."""
    found: list[str] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(f"127.0.0.1:{port}")
        if len(found) == count:
            return found
    raise ProcessFailed("all ports are taken")


def clean_environment() -> dict[str, str]:
    """Our environment without what could make the processes behave otherwise than by default."""
    ours = ("OTEL_", "ORCHESTRATOR_", "STATE_DIR", "EMAIL_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {name: value for name, value in kept.items() if not name.endswith(("_LISTEN", "_DATABASE_URL"))}


async def _serving(channel: grpc.aio.Channel) -> None:
    async with channel:
        health: Any = HealthStub(channel)  # its stubs are untyped
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                answer = await health.Check(HealthCheckRequest(), wait_for_ready=True)
                if answer.status == HealthCheckResponse.SERVING:
                    return
            await asyncio.sleep(_POLL_SECONDS)
