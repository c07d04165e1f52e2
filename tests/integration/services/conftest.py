"""A service as a real process on a free port. A test's folder is named after its service."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from tests.support.asynchronous import status_of
from tests.support.lines import Lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator
    from pathlib import Path

_LISTENING = re.compile(r"listening on (\S+)$")
_DETAILS = (ErrorInfo, BadRequest, RetryInfo)


class Refusal(Protocol):
    """Awaits a call that must be refused; returns its code and the first of its details."""

    async def __call__(self, call: Awaitable[object]) -> tuple[grpc.StatusCode, ErrorInfo | BadRequest | RetryInfo]: ...


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the process keeps its files."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def service_name(request: pytest.FixtureRequest) -> str:
    """The service that runs."""
    return request.path.parent.name


@pytest.fixture(scope="module")
def address(service_name: str, state_dir: Path) -> Iterator[str]:
    """The address of the running process, which must end well when the module is through."""
    settings = {f"{service_name.upper()}_LISTEN": "127.0.0.1:0", "STATE_DIR": str(state_dir)}
    command = [sys.executable, "-m", f"services.{service_name}"]
    with subprocess.Popen(command, env=os.environ | settings, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = Lines(process.stderr)
        try:
            yield _address(lines)
        finally:
            process.terminate()
            process.wait(timeout=20)
            log = "".join(lines)
    assert process.returncode == 0, log
    assert "Traceback" not in log, log


@pytest.fixture
async def channel(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the process."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel


@pytest.fixture
def refusal() -> Refusal:
    """See ``Refusal``."""

    async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, ErrorInfo | BadRequest | RetryInfo]:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call
        status = status_of(error.value)
        assert status is not None
        detail = next(kind() for kind in _DETAILS if status.details[0].Is(kind.DESCRIPTOR))
        status.details[0].Unpack(detail)
        return error.value.code(), detail

    return refused


def _address(lines: Lines) -> str:
    for line in lines:
        if found := _LISTENING.search(line):
            return found[1]
    raise AssertionError("the process ended before it listened:\n" + "".join(lines.said))
