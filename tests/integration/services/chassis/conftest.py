"""Services as real processes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.processes import PATIENCE, Running, running, spawn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Start(Protocol):
    """Starts a service by name, with more environment; returns once it listens."""

    async def __call__(self, name: str, **environment: str) -> Running: ...


class Fail(Protocol):
    """Starts a service that must end by itself; returns its exit code and all that it said."""

    async def __call__(self, name: str, **environment: str) -> tuple[int, str]: ...


@pytest.fixture(scope="module")
def service_name() -> str:
    """The service that runs for those tests of a module that only ask."""
    return "inventory"


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(name: str, **environment: str) -> Running:
            return await stack.enter_async_context(running(name, tmp_path / "state", **environment))

        yield started


@pytest.fixture
async def fail(tmp_path: Path) -> Fail:
    async def failed(name: str, **environment: str) -> tuple[int, str]:
        process = await spawn(name, tmp_path / "state", environment)
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode is not None
        return process.returncode, output.decode()

    return failed
