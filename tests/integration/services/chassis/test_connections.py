"""What a service allows its callers: connections that are tested, requests that are large."""

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest

from services.chassis import serving
from services.inventory.__main__ import SERVICE as INVENTORY
from tests.support.asynchronous import health_stub

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.services.chassis.conftest import Serve

KEEPALIVE = [
    ("grpc.keepalive_time_ms", 20),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),
]


async def test_a_caller_that_tests_its_connection_keeps_it(tmp_path: "Path") -> None:
    settings = INVENTORY.settings(  # type: ignore[call-arg]  # the rest is pydantic's
        listen="127.0.0.1:0", database_url=f"sqlite:///{tmp_path}/inventory.db"
    )
    async with (
        serving(INVENTORY, settings) as (address, _),
        grpc.aio.insecure_channel(address, options=KEEPALIVE) as channel,
    ):
        await channel.channel_ready()

        with pytest.raises(TimeoutError):  # a server that forbids it closes the connection at the fourth ping
            async with asyncio.timeout(0.5):
                await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)


async def test_a_request_above_the_default_limit_of_grpc_is_accepted(serve: "Serve") -> None:
    health: Any = health_stub(await serve(INVENTORY))

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await health.Check(HealthCheckRequest(service="x" * 5_000_000))

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
