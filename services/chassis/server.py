"""Runs one service as a gRPC server: what is opened, in which order, and how the server is drained."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic

import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from sqlalchemy import MetaData

from services.chassis.database import Database
from services.chassis.decoding import Decoding
from services.chassis.fault_service import NAME as FAULTS
from services.chassis.fault_service import FaultInterceptor, FaultService, open_faults
from services.chassis.faults import PlannedFaults
from services.chassis.guard import Guard
from services.chassis.health import Health
from services.chassis.interceptor import ServiceInterceptor
from services.chassis.listening import door
from services.chassis.migration import migrate
from services.chassis.participant import Participant
from services.chassis.reflection import add_reflection
from services.chassis.settings import SettingsT, split_address
from services.chassis.spans import open_tracing
from shop.fault.v1.fault_pb2_grpc import add_FaultServiceServicer_to_server

_MESSAGE_BYTES: Final = 16 * 1024 * 1024
_METADATA_BYTES: Final = 64 * 1024
_OPTIONS: Final = (
    # Without reuse of the port, a second process on the same one is an error instead of a rival.
    ("grpc.so_reuseport", 0),
    # Callers may ping their connections as often as they like, and this side gives up dead connections too.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 100),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    # As large as the largest message that the orchestrator sends by default.
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_metadata_size", _METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", _METADATA_BYTES),
)


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


@asynccontextmanager
async def serving(service: Service[SettingsT], settings: SettingsT) -> AsyncIterator[str]:
    """Serve until the block is left, then drain: take no new calls, let those in flight finish, close everything.

    Yields:
        the address it listens on, with the port really taken.

    Raises:
        StartupError: the address, the database or a certificate cannot be used, or the door would be open to a network.
    """
    logger = logging.getLogger(service.name)
    prefix = f"{service.name.upper()}_"
    entrance = door(settings, prefix=prefix)
    faults = open_faults(settings, prefix=prefix)
    async with AsyncExitStack() as stack:
        prepare = partial(migrate, migrations=service.migrations)
        database = await Database.open(settings.database_url, prepare=prepare)
        stack.push_async_callback(database.close)
        tracing = open_tracing(service.name, service.contract.full_name, *split_address(settings.listen))
        stack.push_async_callback(tracing.close)
        servicer = service.create(Guard(database), settings)
        if isinstance(servicer, AbstractAsyncContextManager):
            await stack.enter_async_context(servicer)

        around = _interceptors(service.contract, ServiceInterceptor(service.contract, tracing, entrance.trusts), faults)
        server = grpc.aio.server(interceptors=around, options=(*_OPTIONS, *entrance.options))
        service.register(servicer, server)
        status = Health(service.contract.full_name)
        add_HealthServicer_to_server(status, server)
        served = [service.contract.full_name, health.SERVICE_NAME]
        if faults is not None:
            add_FaultServiceServicer_to_server(FaultService(faults, _methods(service.contract)), server)
            served.append(FAULTS)
        add_reflection(served, server)
        address = entrance.open(server, settings.listen, variable=f"{prefix}LISTEN")
        await server.start()
        logger.info("%s listening on %s", service.name, address)
        try:
            yield address
        finally:
            logger.info("%s draining", service.name)
            status.drain()
            await server.stop(settings.drain_seconds)


def _interceptors(
    contract: ServiceDescriptor, service: ServiceInterceptor, faults: PlannedFaults | None
) -> list[grpc.aio.ServerInterceptor]:
    """From the outermost on. Faults are inside: they raise as a servicer does, and its span shows them."""
    troubles = [] if faults is None else [FaultInterceptor(faults, _methods(contract), contract.full_name)]
    return [Decoding(), service, *troubles]


def _methods(contract: ServiceDescriptor) -> frozenset[str]:
    return frozenset(method.name for method in contract.methods)
