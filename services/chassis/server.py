"""Runs one service: what is opened, in which order, the ways by which its calls come, and how all of it is drained."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol

import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from sqlalchemy import MetaData

from services.chassis.answering import Answering
from services.chassis.database import Database
from services.chassis.events.causes import Cause
from services.chassis.events.opening import events
from services.chassis.faults import PlannedFaults
from services.chassis.guard import Guard
from services.chassis.listening import Door, door
from services.chassis.migration import migrate
from services.chassis.over_grpc.server import GrpcServer
from services.chassis.over_http.server import HttpServer
from services.chassis.participant import Participant
from services.chassis.settings import Settings, SettingsT, split_address
from services.chassis.spans import open_tracing
from services.chassis.troubles import open_faults


@dataclass(frozen=True, slots=True)
class Service(Generic[SettingsT]):
    """What makes one service different from the others.

    Attributes:
        name: its name in settings and logs, such as ``inventory``.
        contract: its gRPC service.
        create: makes the servicer. One that is an async context manager is entered while it serves.
        register: the generated function that adds the servicer to a server.
        tables: its tables, without the guard's.
        migrations: the folder of its numbered migrations.
        settings: the class of its settings.
    """

    name: str
    contract: ServiceDescriptor
    create: Callable[[Guard, SettingsT], Participant]
    register: Callable[[Any, grpc.aio.Server], None]
    tables: MetaData
    migrations: Path
    settings: type[SettingsT]


class Served(NamedTuple):
    """Where a service can be reached.

    Attributes:
        address: ``host:port`` for gRPC.
        url: for HTTP; empty where it does not listen for that.
    """

    address: str
    url: str


class Entrance(Protocol):
    """One of the ways by which calls come."""

    async def start(self) -> None:
        """Take calls from now on."""

    async def drain(self, seconds: float) -> None:
        """Take no new calls, and let those in flight finish for so long."""


@asynccontextmanager
async def serving(service: Service[SettingsT], settings: SettingsT) -> AsyncIterator[Served]:
    """Serve until the block is left, then drain: take no new calls, let those in flight finish, close everything.

    Yields:
        where it listens, with the ports really taken.

    Raises:
        StartupError: the address, the database or a certificate cannot be used, or the door would be open to a network.
    """
    logger = logging.getLogger(service.name)
    prefix = f"{service.name.upper()}_"
    entrance = door(settings, prefix=prefix)
    faults = open_faults(settings, prefix=prefix)
    async with AsyncExitStack() as stack:
        servicer, answering = await _opened(stack, service, settings, entrance=entrance, faults=faults)
        server = GrpcServer(
            answering,
            servicer,
            service.register,
            faults,
            entrance=entrance,
            listen=settings.listen,
            variable=f"{prefix}LISTEN",
        )
        http = _http(answering, settings, entrance=entrance, prefix=prefix)
        queue = _queue(answering, settings, prefix=prefix)
        entrances: list[Entrance] = [each for each in (server, http, queue) if each is not None]
        url = http.address if http is not None else ""
        try:
            for each in entrances:
                await each.start()
            if url:
                logger.info("%s answers HTTP at %s", service.name, url)
            if settings.nats:
                logger.info("%s takes commands from %s", service.name, settings.nats)
            logger.info("%s listening on %s", service.name, server.address)
            yield Served(server.address, url)
        finally:
            logger.info("%s draining", service.name)
            await asyncio.gather(*(each.drain(settings.drain_seconds) for each in entrances))


async def _opened(
    stack: AsyncExitStack,
    service: Service[SettingsT],
    settings: SettingsT,
    *,
    entrance: Door,
    faults: PlannedFaults | None,
) -> tuple[Participant, Answering]:
    """The servicer with all that it stands on, which the stack closes, and what answers its calls."""
    prepare = partial(migrate, migrations=service.migrations)
    database = await Database.open(settings.database_url, prepare=prepare)
    stack.push_async_callback(database.close)
    tracing = open_tracing(service.name, service.contract.full_name, *split_address(settings.listen))
    stack.push_async_callback(tracing.close)
    cause = Cause(service.contract.full_name)
    servicer = service.create(Guard(database, cause), settings)
    if isinstance(servicer, AbstractAsyncContextManager):
        await stack.enter_async_context(servicer)
    await stack.enter_async_context(events(service.name, settings, database, servicer, cause=cause, tracing=tracing))
    answering = Answering(service.contract, servicer, tracing=tracing, trusts=entrance.trusts, faults=faults)
    return servicer, answering


def _http(answering: Answering, settings: Settings, *, entrance: Door, prefix: str) -> HttpServer | None:
    """The way over HTTP, where there is one."""
    if not settings.http:
        return None
    return HttpServer(answering, entrance=entrance, listen=settings.http, variable=f"{prefix}HTTP")


def _queue(answering: Answering, settings: Settings, *, prefix: str) -> Entrance | None:
    """The way over a queue, where there is one."""
    if not settings.nats:
        return None
    # A service that takes no commands from a queue needs no client of one.
    from services.chassis.over_nats.opening import open_queue  # noqa: PLC0415

    return open_queue(answering, settings, prefix=prefix)
