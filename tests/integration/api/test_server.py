"""The API's server: its port, its health, its drain."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from orchestrator.access.authentication import Authentication
from orchestrator.api.server import ApiServer
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.errors import SettingsError
from orchestrator.journal.entries import SagaStarted
from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append, NewSaga
from saga.v1 import saga_service_pb2 as pb
from shop.order.v1.order_service_pb2 import (
    CancelOrderRequest,
    GetOrderDetailsRequest,
    GetOrderRequest,
    StartOrderRequest,
    WatchOrderRequest,
)
from tests.integration.api.situations import held_at, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]


async def test_nobody_else_can_listen_on_its_port_however_willing_to_share(api: Api) -> None:
    host, _, port = api.address.rpartition(":")

    with socket.socket() as rival:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            rival.bind((host, int(port)))
    with pytest.raises(SettingsError, match="ORCHESTRATOR_LISTEN"):
        ApiServer(api.address, {}, Authentication(), SystemClock())


@pytest.mark.parametrize("service", ["", "saga.v1.SagaService", "shop.order.v1.OrderService"])
async def test_the_server_serves_until_it_drains(api: Api, service: str) -> None:
    health: Any = HealthStub(api.channel)
    assert (await health.Check(HealthCheckRequest(service=service))).status == HealthCheckResponse.SERVING
    watching = health.Watch(HealthCheckRequest(service=service))
    told = [(await watching.read()).status]

    draining = asyncio.ensure_future(api.server.drain(10))
    while (answer := await watching.read()) is not grpc.aio.EOF:
        told.append(answer.status)
    await draining

    assert told == [HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING]


async def _to_the_end(stream: Any) -> None:  # noqa: ANN401 - of any rpc
    while await stream.read() is not grpc.aio.EOF:
        pass


@pytest.mark.parametrize("rpc", ["WatchSagas", "WatchSaga"])
async def test_who_watches_does_not_keep_the_server_from_draining(api: Api, an_order: AnOrder, rpc: str) -> None:
    saga_id = await held_at(api, an_order(), "AuthorizePayment")
    asked: Any = {"WatchSaga": pb.WatchSagaRequest(saga_id=saga_id), "WatchSagas": pb.WatchSagasRequest()}
    watching: Any = getattr(api.sagas, rpc)(asked[rpc])
    if rpc == "WatchSaga":
        await watching.read()
    else:
        await api.until(lambda: api.feed.readers == 1)

    draining = asyncio.ensure_future(api.server.drain(600))
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await _to_the_end(watching)
    await draining

    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "about to end" in str(ended.value.details())


async def test_a_status_that_is_asked_for_while_it_drains_is_not_serving(api: Api) -> None:
    server = api.server
    server._health.drain()

    health: Any = HealthStub(api.channel)
    answer = await health.Check(HealthCheckRequest())
    listed = server._health._status("saga.v1.SagaService")

    assert answer.status == listed.status == HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize(
    ("rpc", "request_"),
    [
        ("GetOrder", GetOrderRequest(order_id="a-trip")),
        ("GetOrderDetails", GetOrderDetailsRequest(order_id="a-trip")),
        ("WatchOrder", WatchOrderRequest(order_id="a-trip")),
        ("CancelOrder", CancelOrderRequest(order_id="a-trip", reason="no")),
    ],
)
async def test_a_saga_that_is_no_order_is_no_order(api: Api, an_order: AnOrder, rpc: str, request_: Message) -> None:
    model = (await start(api, an_order(), wait=10)).saga_id
    entries = await api.journal.read(model)
    started = entries[0]
    assert isinstance(started, SagaStarted)
    entries[0] = started._replace(definition="book_trip")
    new = NewSaga("book_trip", 1, b"", 1, ())
    await api.journal.append(Append("a-trip", "another", 1, 0, entries[:3], Status.RUNNING, new=new))

    async def asked() -> None:
        call = getattr(api.orders, rpc)(request_)
        await (call.read() if hasattr(call, "read") else call)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asked()

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert len(await api.journal.read("a-trip")) == 3
    assert (await api.sagas.GetSaga(pb.GetSagaRequest(saga_id="a-trip"))).saga.definition == "book_trip"


KEEPALIVE = [
    ("grpc.keepalive_time_ms", 20),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),
]


async def test_a_client_that_tests_its_connection_keeps_it(api: Api) -> None:
    async with grpc.aio.insecure_channel(api.address, options=KEEPALIVE) as channel:
        await channel.channel_ready()

        with pytest.raises(TimeoutError):  # a server that forbids it closes the connection at the fourth ping
            async with asyncio.timeout(0.5):
                await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)


async def test_a_request_beyond_the_limit_is_refused_with_both_sizes() -> None:
    served = ApiServer("127.0.0.1:0", {}, Authentication(), SystemClock(), most_bytes=2000)
    await served.start()
    async with grpc.aio.insecure_channel(served.address) as channel:
        health: Any = HealthStub(channel)
        with pytest.raises(grpc.aio.AioRpcError, match="2000") as refused:
            await health.Check(HealthCheckRequest(service="x" * 3000))
    await served.drain(0)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_request_beyond_what_grpc_takes_by_itself_is_taken(api: Api) -> None:
    request = pb.StartSagaRequest(definition="nobody")
    request.input.value = b"x" * 5_000_000

    with pytest.raises(grpc.aio.AioRpcError, match="the saga 'nobody' is not served") as refused:
        await api.sagas.StartSaga(request)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
