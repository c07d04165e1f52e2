"""gRPC in the suite: a real server, and real connections through a proxy that can cut them."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.rpc import status_pb2
from grpc_health.v1 import health_pb2

from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.grpc.replaceable_channel import ChannelSettings
from tests.conformance.channels.stand import SERVICE, Arrived, Health, Refusal
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conformance.channels.stand import Answer

NOBODY = "127.0.0.1:1"
_CODES = {code.name: code for code in grpc.StatusCode}
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_SAID = {
    Health.SERVING: health_pb2.HealthCheckResponse.SERVING,
    Health.NOT_SERVING: health_pb2.HealthCheckResponse.NOT_SERVING,
}


async def _done(_arrived: Arrived) -> bytes:
    return b""


class GrpcStand(grpc.GenericRpcHandler):
    """See :class:`tests.conformance.channels.stand.Stand`."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.answer: Answer = _done
        self.health = Health.SERVING
        self._stack = stack
        self._proxy: Proxy | None = None

    async def start(self) -> None:
        server = grpc.aio.server(handlers=[self], options=[("grpc.max_receive_message_length", -1)])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._stack.push_async_callback(server.stop, None)
        self._proxy = await self._stack.enter_async_context(Proxy(f"127.0.0.1:{port}", random.Random(1)))

    def open(self, most_bytes: int = 1_000_000) -> GrpcChannel:
        assert self._proxy is not None
        return self._opened(self._proxy.address, most_bytes)

    def open_to_nobody(self) -> GrpcChannel:
        return self._opened(NOBODY)

    def cut(self) -> None:
        assert self._proxy is not None
        self._proxy.cut()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ANN401 - gRPC's
        path = handler_call_details.method
        if path == _HEALTH_CHECK:
            if self.health is Health.UNTOLD:
                return None
            return grpc.unary_unary_rpc_method_handler(self._check)

        async def arrive(request: bytes, context: Any) -> bytes:  # noqa: ANN401 - gRPC's
            metadata = {name: value for name, value in context.invocation_metadata() if isinstance(value, str)}
            return await self._answered(Arrived(path, request, metadata), context)

        return grpc.unary_unary_rpc_method_handler(arrive)

    async def _answered(self, arrived: Arrived, context: Any) -> bytes:  # noqa: ANN401 - gRPC's
        answer = await self.answer(arrived)
        if not isinstance(answer, Refusal):
            return answer
        status = status_pb2.Status(code=answer.code.number, message=answer.message)
        for detail in answer.details:
            status.details.add().Pack(detail)
        details = [("grpc-status-details-bin", status.SerializeToString())] if answer.details else []
        trailing = (*details, *(("idempotency-key", key) for key in answer.echo))
        await context.abort(_CODES[answer.code], answer.message, trailing)
        raise AssertionError

    async def _check(self, request: bytes, context: Any) -> bytes:  # noqa: ANN401 - gRPC's
        service = health_pb2.HealthCheckRequest.FromString(request).service
        if service != SERVICE.full_name:
            await context.abort(grpc.StatusCode.NOT_FOUND, service)
        return health_pb2.HealthCheckResponse(status=_SAID[self.health]).SerializeToString()

    def _opened(self, address: str, most_bytes: int = 1_000_000) -> GrpcChannel:
        channel = GrpcChannel(address, ChannelSettings(most_bytes=most_bytes))
        self._stack.push_async_callback(channel.close)
        return channel


@asynccontextmanager
async def over_grpc() -> AsyncIterator[GrpcStand]:
    async with AsyncExitStack() as stack:
        stand = GrpcStand(stack)
        await stand.start()
        yield stand
