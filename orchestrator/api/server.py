"""The API as a gRPC server: services, health, reflection."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Final

import grpc.aio
from grpc_health.v1 import health
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from orchestrator.api.calls.access_interceptor import AccessInterceptor, required_roles
from orchestrator.api.calls.interceptor import Boundary
from orchestrator.api.services.health import Health
from orchestrator.api.services.reflection import add_reflection
from orchestrator.errors import SettingsError
from orchestrator.participant.security.tls import SERVER_OPTIONS as TLS_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.access.authentication import Authentication
    from orchestrator.participant.security.tls import ServerTls
    from orchestrator.ports.clock import Clock

_UNBOUNDED: Final = 2**31 - 1
_METADATA_BYTES: Final = 64 * 1024
SERVER_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    # gRPC itself cancels calls that wait for the server, and logs nothing: at random beyond 1000, all beyond 3000,
    # and any after 30 seconds. What is too much is for Admission to say; taking up a call costs microseconds.
    ("grpc.server.max_pending_requests", _UNBOUNDED),
    ("grpc.server.max_pending_requests_hard_limit", _UNBOUNDED),
    ("grpc.server_max_unrequested_time_in_server", 3600),
    # Clients may test their connections as often as they like: a ping costs less than any call.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 100),
    ("grpc.http2.max_ping_strikes", 0),
    # And a watcher whose connection is dead gives its place back.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.max_metadata_size", _METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", _METADATA_BYTES),
)
"""What gRPC is told of every server of the orchestrator's own."""

MOST_BYTES: Final = 16 * 1024 * 1024


class ApiServer:
    """Serves the API until it is drained.

    Args:
        address: ``host:port``; port 0 leaves the choice to the system.
        services: for each service's full name, the function that adds its servicer to a server.
        authentication: tells who calls.
        clock: tells when to look again at the caller of a stream.
        most_bytes: the largest request that is taken.
        shared: other processes listen on the same port, each of which gets a part of the connections. Without, a
            second process there is an error instead of a rival.
        tls: what it shows to its clients, and which it takes; ``None`` for connections that are not encrypted.

    Attributes:
        address: with the port that was really taken.

    Raises:
        SettingsError: the address cannot be used.
        DefinitionError: a contract does not say of an rpc who may call it.
    """

    def __init__(
        self,
        address: str,
        services: Mapping[str, Callable[[grpc.aio.Server], None]],
        authentication: Authentication,
        clock: Clock,
        most_bytes: int = MOST_BYTES,
        *,
        shared: bool = False,
        tls: ServerTls | None = None,
    ) -> None:
        names = frozenset(services)
        options = (
            *SERVER_OPTIONS,
            *(() if tls is None else TLS_OPTIONS),
            ("grpc.max_receive_message_length", most_bytes),
            ("grpc.so_reuseport", int(shared)),
        )
        access = AccessInterceptor(authentication, required_roles(services), clock)
        self._authentication = authentication
        self._boundary = Boundary(names)
        self._server = grpc.aio.server(interceptors=[access, self._boundary], options=options)
        self._health = Health(names)
        for add in services.values():
            add(self._server)
        add_HealthServicer_to_server(self._health, self._server)
        add_reflection((*services, health.SERVICE_NAME), self._server)
        self.address = _listen(self._server, address, tls, shared=shared)

    async def start(self) -> None:
        """Take calls from now on."""
        self._keeping_fresh = asyncio.create_task(self._authentication.keep_fresh())
        await self._server.start()

    def be_ready(self, is_ready: bool) -> None:
        """Say of the server's health whether it can do what it is asked for."""
        self._health.be_ready(is_ready)

    async def drain(self, grace: float) -> None:
        """Take no new calls; end streams, and let other calls in flight finish for up to ``grace`` seconds."""
        self._health.drain()
        self._boundary.drain()
        await self._server.stop(grace)
        self._keeping_fresh.cancel()


def _listen(server: grpc.aio.Server, address: str, tls: ServerTls | None, *, shared: bool) -> str:
    host, _, port = address.rpartition(":")
    try:
        # gRPC would fail too, but it hides the reason, and prints lines of its own.
        family, kind, _, _, target = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            probe.bind(target)
            if not shared:  # it would be given connections of the others
                probe.listen()
        taken = server.add_insecure_port(address) if tls is None else server.add_secure_port(address, tls.credentials())
    except (OSError, ValueError, RuntimeError) as error:
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        cause = f"port {port} is in use" if in_use else str(error)
        raise SettingsError(
            f"cannot listen on {address}: {cause}; set ORCHESTRATOR_LISTEN to another host:port"
        ) from None
    return f"{host}:{taken}"
