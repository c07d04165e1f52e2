"""The gRPC server of a service: its methods, and beside them health, reflection, and the plans of faults."""

from collections.abc import Callable
from typing import Any, Final

import grpc.aio
from grpc_health.v1 import health
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from services.chassis.answering import Answering
from services.chassis.faults import PlannedFaults
from services.chassis.listening import Door
from services.chassis.over_grpc.decoding import Decoding
from services.chassis.over_grpc.fault_service import NAME as FAULTS
from services.chassis.over_grpc.fault_service import FaultService
from services.chassis.over_grpc.health import Health
from services.chassis.over_grpc.interceptor import ServiceInterceptor
from services.chassis.over_grpc.reflection import add_reflection
from services.chassis.participant import Participant
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


class GrpcServer:
    """Takes the calls of one service over gRPC.

    Args:
        answering: answers them.
        servicer: whose methods they are.
        register: the generated function that adds the servicer to a server.
        faults: what callers may plan; ``None`` where they may not.
        entrance: where it listens, and behind which certificate.
        listen: ``host:port``; port 0 takes a free one.
        variable: which setting says that.

    Attributes:
        address: where it listens, with the port really taken.

    Raises:
        StartupError: the address cannot be used.
    """

    def __init__(
        self,
        answering: Answering,
        servicer: Participant,
        register: Callable[[Any, grpc.aio.Server], None],
        faults: PlannedFaults | None,
        *,
        entrance: Door,
        listen: str,
        variable: str,
    ) -> None:
        contract = answering.contract
        around = [Decoding(), ServiceInterceptor(answering)]
        self._server = grpc.aio.server(interceptors=around, options=(*_OPTIONS, *entrance.options))
        register(servicer, self._server)
        self._health = Health(contract.full_name)
        add_HealthServicer_to_server(self._health, self._server)
        served = [contract.full_name, health.SERVICE_NAME]
        if faults is not None:
            methods = frozenset(method.name for method in contract.methods)
            add_FaultServiceServicer_to_server(FaultService(faults, methods), self._server)
            served.append(FAULTS)
        add_reflection(served, self._server)
        self.address = entrance.open(self._server, listen, variable=variable)

    async def start(self) -> None:
        """Take calls from now on."""
        await self._server.start()

    async def drain(self, seconds: float) -> None:
        """Take no new calls, and let those in flight finish for so long."""
        self._health.drain()
        await self._server.stop(seconds)
