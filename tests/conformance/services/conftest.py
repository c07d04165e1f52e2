"""Every store that a service may have, and services running on it in this process."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import grpc.aio
import pytest
from google.rpc import error_details_pb2
from sqlalchemy import make_url

import services
from services.chassis import Service, serving
from tests.support.asynchronous import status_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from services.chassis import Participant


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``service`` for every service."""
    if "service" in metafunc.fixturenames:
        house = Path(next(iter(services.__path__)))
        names = sorted(path.parent.name for path in house.glob("*/__main__.py"))
        metafunc.parametrize("service", [declared(name) for name in names], ids=names)


def declared(name: str) -> Service[Any]:
    service: Service[Any] = import_module(f"services.{name}.__main__").SERVICE
    return service


@pytest.fixture
def service_postgres_url(postgres_url: str) -> str:
    """An empty PostgreSQL database, as SQLAlchemy names it."""
    return make_url(postgres_url).set(drivername="postgresql+psycopg").render_as_string(False)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/service.db"
    return str(request.getfixturevalue("service_postgres_url"))


class Serve(Protocol):
    """Starts a service by name; returns a channel to it. ``create`` makes its servicer in another way."""

    async def __call__(self, name: str, create: Callable[..., Participant] | None = None) -> grpc.aio.Channel: ...


@pytest.fixture
async def serve(database_url: str) -> AsyncIterator[Serve]:
    """Serve a service, by name, on an ephemeral port until the test ends."""
    async with AsyncExitStack() as stack:

        async def start(name: str, create: Callable[..., Participant] | None = None) -> grpc.aio.Channel:
            service = declared(name)
            if create is not None:
                service = replace(service, create=create)
            settings = service.settings(listen="127.0.0.1:0", database_url=database_url, drain_seconds=5)
            address, _ = await stack.enter_async_context(serving(service, settings))
            return await stack.enter_async_context(grpc.aio.insecure_channel(address))

        yield start


class RefusedWith(Protocol):
    """Awaits a call that must fail; returns the code's name, the ErrorInfo's reason and its metadata."""

    async def __call__(self, call: Awaitable[Any]) -> tuple[str, str, dict[str, str]]: ...


@pytest.fixture
def refused_with() -> RefusedWith:
    async def refusal(call: Awaitable[Any]) -> tuple[str, str, dict[str, str]]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        status = status_of(caught.value)
        info = error_details_pb2.ErrorInfo()
        # A deadline or a broken connection comes without details, a transient trouble with a RetryInfo.
        if status is not None:
            status.details[0].Unpack(info)
        return caught.value.code().name, info.reason, dict(info.metadata)

    return refusal
