"""gRPC in the suite: a real server, and real connections through a proxy that can cut them."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import grpc
import grpc.aio
from google.rpc import status_pb2
from grpc_health.v1 import health_pb2

from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.grpc.replaceable_channel import ChannelSettings
from orchestrator.testing.conformance.channels import (
    SERVICE,
    Arrived,
    ChannelUnderTest,
    Health,
    Mark,
    Refusal,
)
from orchestrator.testing.conformance.channels.harness import MOST_BYTES
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.testing.conformance.channels import Answer

LACKS: Final = frozenset({Mark.KEEPS, Mark.BROKER, Mark.REPEATS})
NOBODY: Final = "127.0.0.1:1"
_CODES: Final = {code.name: code for code in grpc.StatusCode}
_HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"
_SAID: Final = {
    Health.SERVING: health_pb2.HealthCheckResponse.SERVING,
    Health.NOT_SERVING: health_pb2.HealthCheckResponse.NOT_SERVING,
}


async def nothing(_arrived: Arrived) -> bytes:
    return b""


class GrpcUnderTest(ChannelUnderTest, grpc.GenericRpcHandler):
    """See :class:`orchestrator.testing.conformance.channels.ChannelUnderTest`."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.answer: Answer = nothing
        self.health = Health.SERVING
        self._stack = stack
        self._proxy: Proxy | None = None
        self._server: grpc.aio.Server | None = None
        self._port = 0

    async def start(self) -> None:
        await self.start_participant()
        self._stack.push_async_callback(self.stop_participant)
        self._proxy = await self._stack.enter_async_context(Proxy(f"127.0.0.1:{self._port}", random.Random(1)))

    def open(self, most_bytes: int = MOST_BYTES) -> GrpcChannel:
        assert self._proxy is not None
        return self._opened(self._proxy.address, most_bytes)

    def open_to_nobody(self) -> GrpcChannel:
        return self._opened(NOBODY)

    def cut(self) -> None:
        assert self._proxy is not None
        self._proxy.cut()

    async def stop_participant(self) -> None:
        assert self._server is not None
        await self._server.stop(None)

    async def start_participant(self) -> None:
        self._server = grpc.aio.server(handlers=[self], options=[("grpc.max_receive_message_length", -1)])
        self._port = self._server.add_insecure_port(f"127.0.0.1:{self._port}")
        await self._server.start()

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

    def _opened(self, address: str, most_bytes: int = MOST_BYTES) -> GrpcChannel:
        channel = GrpcChannel(address, ChannelSettings(most_bytes=most_bytes))
        self._stack.push_async_callback(channel.close)
        return channel


U = TypeVar("U", bound=GrpcUnderTest)


@asynccontextmanager
async def opened_as(kind: type[U]) -> AsyncIterator[U]:
    """Such a one, with its participant."""
    async with AsyncExitStack() as stack:
        opened = kind(stack)
        await opened.start()
        yield opened


open_grpc: Final = partial(opened_as, GrpcUnderTest)
