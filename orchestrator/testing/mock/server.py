"""Mocks as a gRPC server: health, reflection, and the pure core behind every rpc."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_status import rpc_status

from orchestrator.api.server import MOST_BYTES, SERVER_OPTIONS
from orchestrator.api.services.reflection import add_reflection
from orchestrator.contract.addresses import default_address
from orchestrator.contract.status_code import StatusCode
from orchestrator.errors import ContractError, SettingsError
from orchestrator.journal.outcome import Completed
from orchestrator.testing.mock.dials import Dials, Troubles
from orchestrator.testing.mock.faults import Fault, no_faults
from orchestrator.testing.mock.participant import ContractParticipant
from orchestrator.testing.samples import violations

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType

    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Failure
    from orchestrator.testing.mock.faults import Faults
    from orchestrator.testing.mock.ledger import EffectLedger

    Context = grpc.aio.ServicerContext[bytes, bytes]
    Behaviour = Callable[[bytes, Context], Awaitable[bytes]]

_DOMAIN: Final = "mock"
_GRACE_SECONDS: Final = 0.5


class MockParticipant:
    """Serves contracts while its ``async with`` block lasts.

    Args:
        services: the contracts, all of one descriptor pool.
        listen: ``host:port``, port 0 leaves the choice to the system; by default, where the contracts say.
        dials: how slow and how faulty it is, at random.
        faults: what happens to the calls to which the dials do nothing.
        ledger: records its effects; a new one by default.

    Attributes:
        addresses: where it listens, with the ports really taken.
        participant: the core, through which a test may also deliver by hand.

    Raises:
        ContractError: a contract says neither where to listen nor ``listen`` does, or cannot be served.
        SettingsError: an address cannot be used.
    """

    def __init__(
        self,
        services: Sequence[ServiceDescriptor],
        *,
        listen: str | None = None,
        dials: Dials | None = None,
        faults: Faults = no_faults,
        ledger: EffectLedger | None = None,
    ) -> None:
        self._faults = faults
        self.participant = ContractParticipant(services, ledger)
        self._troubles = Troubles(dials or Dials())
        self._server = grpc.aio.server(
            options=(*SERVER_OPTIONS, ("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", MOST_BYTES))
        )
        self._health = health.aio.HealthServicer()
        self._services = services
        for service in services:
            self._server.add_generic_rpc_handlers((self._handlers(service),))
        add_HealthServicer_to_server(self._health, self._server)
        names = (*(service.full_name for service in services), health.SERVICE_NAME)
        add_reflection(names, self._server, services[0].file.pool)
        wanted = {listen} if listen else {_contract_address(service) for service in services}
        self.addresses = tuple(_taken(self._server, address) for address in sorted(wanted))

    @property
    def address(self) -> str:
        """The first of the addresses."""
        return self.addresses[0]

    @property
    def ledger(self) -> EffectLedger:
        """The effects so far."""
        return self.participant.ledger

    async def __aenter__(self) -> Self:
        await self._server.start()
        for name in ("", *(service.full_name for service in self._services)):
            await self._health.set(name, HealthCheckResponse.SERVING)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._health.enter_graceful_shutdown()
        await self._server.stop(_GRACE_SECONDS)

    def _handlers(self, service: ServiceDescriptor) -> grpc.GenericRpcHandler:
        # Without serializers, requests and replies are bytes.
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            command.method: grpc.unary_unary_rpc_method_handler(self._behaviour(command))
            for command in self.participant.commands.values()
            if command.service == service.full_name
        }
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _behaviour(self, command: Command) -> Behaviour:
        async def answer(request: bytes, context: Context) -> bytes:
            fault, delay = self._troubles.draw(command)
            await asyncio.sleep(delay)
            metadata = tuple(
                (name, value) for name, value in context.invocation_metadata() or () if isinstance(value, str)
            )
            if fault is Fault.NONE:
                fault = self._faults(command, metadata)
            outcome = self.participant.answer(command, request, metadata, fault)
            echo = self.participant.echo(command, metadata, outcome)
            if isinstance(outcome, Completed):
                context.set_trailing_metadata(echo)
                return outcome.reply
            status = rpc_status.to_status(_status(command, request, outcome.failure))
            # The details are trailing metadata too, and gRPC would replace those that were set before.
            return await context.abort(status.code, status.details, (*status.trailing_metadata, *echo))

        return answer


def _status(command: Command, request: bytes, failure: Failure) -> status_pb2.Status:
    details: list[Packed] = []
    if failure.reason:
        details.append(_packed(error_details_pb2.ErrorInfo(reason=failure.reason, domain=_DOMAIN)))
    elif failure.code is StatusCode.INVALID_ARGUMENT:
        wrong = [
            error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
            for field, description in violations(command.request.FromString(request))
        ]
        details.append(_packed(error_details_pb2.BadRequest(field_violations=wrong)))
    return status_pb2.Status(code=failure.code.number, message=failure.message, details=details)


def _packed(detail: Any) -> Packed:  # noqa: ANN401 - some message of google.rpc
    packed = Packed()
    packed.Pack(detail)
    return packed


def _contract_address(service: ServiceDescriptor) -> str:
    address = default_address(service)
    if not address:
        raise ContractError(f"{service.full_name} names no google.api.default_host; say where to listen")
    return address


def _taken(server: grpc.aio.Server, address: str) -> str:
    try:
        port = server.add_insecure_port(address)
    except (RuntimeError, ValueError) as error:
        raise SettingsError(f"cannot listen on {address}: {error}; listen on another host:port") from None
    return f"{address.rpartition(':')[0]}:{port}"
