"""Bytes that are no message, on every rpc of a service: an answer, one line of log, and no names of ours."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1.health_pb2 import HealthCheckResponse, HealthListRequest  # type: ignore[attr-defined]  # newer than its types
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from services.chassis.over_grpc.decoding import Decoding
from services.shipping.__main__ import SERVICE as SHIPPING
from tests.support.asynchronous import health_stub, reflection_stub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.services.chassis.conftest import Serve

TOLD = "the bytes of the request are not of the type that this method takes"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
UNARY = [
    *(f"/{SHIPPING.contract.full_name}/{method.name}" for method in SHIPPING.contract.methods),
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/List",
]
UNDECODABLE = [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xc3\x28", b"\x0b" * 200]
KINDS = ["a tag cut short", "a length beyond the end", "a string that is not UTF-8", "groups without an end"]

Context = grpc.aio.ServicerContext[Any, Any]


@pytest.fixture
async def shipping(serve: Serve) -> grpc.aio.Channel:
    return await serve(SHIPPING)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def one_plain_line(log: pytest.LogCaptureFixture, path: str) -> None:
    (record,) = log.records
    assert record.getMessage() == f"{path}: the bytes of a request are not of the type that it takes"
    assert record.levelno == logging.WARNING
    assert record.exc_info is None


@pytest.mark.parametrize("raw", UNDECODABLE, ids=KINDS)
@pytest.mark.parametrize("path", UNARY)
async def test_a_call_that_cannot_be_decoded_is_refused_plainly(
    shipping: grpc.aio.Channel, log: pytest.LogCaptureFixture, path: str, raw: bytes
) -> None:
    if raw == UNDECODABLE[2] and path.endswith("/List"):
        return  # it has no string
    call: Any = shipping.unary_unary(path)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(raw, metadata=(("idempotency-key", "key"),))
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, TOLD)
    assert "idempotency-key" not in dict(caught.value.trailing_metadata())
    one_plain_line(log, path)


@pytest.mark.parametrize("raw", UNDECODABLE, ids=KINDS)
async def test_a_watch_that_cannot_be_decoded_is_refused_plainly(
    shipping: grpc.aio.Channel, log: pytest.LogCaptureFixture, raw: bytes
) -> None:
    path = "/grpc.health.v1.Health/Watch"
    call: Any = shipping.unary_stream(path)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(aiter(call(raw)))
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, TOLD)
    one_plain_line(log, path)


@pytest.mark.parametrize("raw", UNDECODABLE, ids=KINDS)
@pytest.mark.parametrize("good", [0, 2])
async def test_a_message_of_a_stream_that_cannot_be_decoded_ends_it_plainly(
    shipping: grpc.aio.Channel, log: pytest.LogCaptureFixture, good: int, raw: bytes
) -> None:
    ask = ServerReflectionRequest(list_services="").SerializeToString()
    call: Any = shipping.stream_stream(REFLECTION)()
    for _ in range(good):
        await call.write(ask)
        assert await call.read() is not grpc.aio.EOF
    await call.write(raw)
    assert (await call.code(), await call.details()) == (grpc.StatusCode.INVALID_ARGUMENT, TOLD)
    one_plain_line(log, REFLECTION)


async def test_streams_still_flow_both_ways(shipping: grpc.aio.Channel) -> None:
    call = reflection_stub(shipping).ServerReflectionInfo()
    for symbol in (SHIPPING.contract.full_name, "grpc.health.v1.Health"):
        await call.write(ServerReflectionRequest(file_containing_symbol=symbol))
        assert (await call.read()).file_descriptor_response.file_descriptor_proto
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_the_health_of_all_is_listed(shipping: grpc.aio.Channel) -> None:
    listed = await health_stub(shipping).List(HealthListRequest())
    statuses = {name: each.status for name, each in listed.statuses.items()}
    assert statuses == dict.fromkeys(("", SHIPPING.contract.full_name), HealthCheckResponse.SERVING)


@pytest.mark.parametrize("path", [f"/{SHIPPING.contract.full_name}/Explode", "/shop.Stranger/Ask", "/"])
async def test_a_method_that_is_not_served_is_unimplemented(shipping: grpc.aio.Channel, path: str) -> None:
    for _ in range(2):
        call: Any = shipping.unary_unary(path)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"\xff")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


class Echo:
    """Methods of every shape, each of which sends back what it receives."""

    async def unary_unary(self, request: StringValue, _context: Context) -> StringValue:
        return request

    async def yielded(self, request: StringValue, _context: Context) -> AsyncIterator[StringValue]:
        yield request
        yield request

    async def written(self, request: StringValue, context: Context) -> None:
        await context.write(request)
        await context.write(request)

    async def stream_unary(self, requests: AsyncIterator[StringValue], _context: Context) -> StringValue:
        return StringValue(value="".join([each.value async for each in requests]))

    async def read_unary(self, _requests: AsyncIterator[StringValue], context: Context) -> StringValue:
        heard = ""
        while (request := await context.read()) is not grpc.aio.EOF:
            heard += request.value
        return StringValue(value=heard)

    async def stream_yielded(
        self, requests: AsyncIterator[StringValue], _context: Context
    ) -> AsyncIterator[StringValue]:
        async for each in requests:
            yield each

    async def stream_written(self, _requests: AsyncIterator[StringValue], context: Context) -> None:
        while (request := await context.read()) is not grpc.aio.EOF:
            await context.write(request)


SHAPES = {
    "unary_unary": grpc.unary_unary_rpc_method_handler,
    "yielded": grpc.unary_stream_rpc_method_handler,
    "written": grpc.unary_stream_rpc_method_handler,
    "stream_unary": grpc.stream_unary_rpc_method_handler,
    "read_unary": grpc.stream_unary_rpc_method_handler,
    "stream_yielded": grpc.stream_stream_rpc_method_handler,
    "stream_written": grpc.stream_stream_rpc_method_handler,
}


@pytest.fixture
async def echo() -> AsyncIterator[grpc.aio.Channel]:
    methods: dict[str, Any] = {
        name: shape(
            getattr(Echo(), name),
            request_deserializer=StringValue.FromString,
            response_serializer=StringValue.SerializeToString,
        )
        for name, shape in SHAPES.items()
    }
    methods["raw"] = grpc.unary_unary_rpc_method_handler(Echo().unary_unary)
    server = grpc.aio.server(interceptors=[Decoding()])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def heard(channel: grpc.aio.Channel, name: str, request: bytes) -> list[bytes]:
    """What the method ``name`` sends back. All shapes are called alike, because only the server knows them."""
    call: Any = channel.stream_stream(f"/Echo/{name}")()
    await call.write(request)
    await call.done_writing()
    return [reply async for reply in call]


@pytest.mark.parametrize("name", SHAPES)
async def test_a_method_of_any_shape_gets_messages_and_no_undecodable_bytes(
    echo: grpc.aio.Channel, log: pytest.LogCaptureFixture, name: str
) -> None:
    hello = StringValue(value="hello").SerializeToString()
    replies = {"unary_unary": 1, "yielded": 2, "written": 2}.get(name, 1)
    for _ in range(2):
        assert await heard(echo, name, hello) == [hello] * replies
    call: Any = echo.stream_stream(f"/Echo/{name}")()
    await call.write(b"\xff")
    assert (await call.code(), await call.details()) == (grpc.StatusCode.INVALID_ARGUMENT, TOLD)
    one_plain_line(log, f"/Echo/{name}")


async def test_a_method_that_takes_bytes_gets_bytes(echo: grpc.aio.Channel) -> None:
    assert await heard(echo, "raw", b"\xff") == [b"\xff"]
