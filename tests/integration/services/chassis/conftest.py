"""Services as real processes."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from orchestrator.participant.queued.subjects import Subjects
from services.chassis import serving
from services.chassis.arrivals import Way
from tests.support.own_queue import Queue
from tests.support.processes import PATIENCE, Running, running, spawn
from tests.support.ways import Ways, connected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import grpc.aio

    from services.chassis import Participant, Service
    from tests.support.nats import NatsServer


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


class Serve(Protocol):
    """Serves a service in this process, with an empty database, until the test ends; returns a channel to it.

    ``create`` makes its servicer in another way.
    """

    async def __call__(
        self, service: Service[Any], create: Callable[..., Participant] | None = None
    ) -> grpc.aio.Channel: ...


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Serve once for each way, in a module that names its ``WAYS``."""
    if "way" in metafunc.fixturenames and hasattr(metafunc.module, "WAYS"):
        metafunc.parametrize("way", metafunc.module.WAYS)


@pytest.fixture
def way() -> Way:
    """How calls come."""
    return Way.GRPC


@pytest.fixture
def ways(way: Way, request: pytest.FixtureRequest) -> Ways:
    return Ways(way, request.getfixturevalue("shared_nats") if way is Way.NATS else None)


@pytest.fixture
async def serve(tmp_path: Path, ways: Ways) -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def served(service: Service[Any], create: Callable[..., Participant] | None = None) -> grpc.aio.Channel:
            url = f"sqlite:///{tmp_path}/{service.name}.db"
            settings = service.settings(listen="127.0.0.1:0", database_url=url, **ways.settings())
            other = replace(service, create=create or service.create)
            await ways.prepare(service.contract)
            served = await stack.enter_async_context(serving(other, settings))
            channel: grpc.aio.Channel = await stack.enter_async_context(ways.channel(service.contract, served))
            return channel

        yield served


@pytest.fixture
async def queue(shared_nats: NatsServer) -> AsyncIterator[Queue]:
    async with connected(shared_nats) as client:
        yield Queue(client, shared_nats.url, Subjects(f"test-{uuid.uuid4().hex}"))
