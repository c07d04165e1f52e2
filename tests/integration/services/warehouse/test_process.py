from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from shop.warehouse.v1.warehouse_pb2 import FulfilOrderRequest, PickLine
from shop.warehouse.v1.warehouse_pb2_grpc import WarehouseServiceStub
from tests.support.asynchronous import health_stub

if TYPE_CHECKING:
    from tests.integration.services.conftest import Refusal


async def test_the_process_is_healthy(channel: grpc.aio.Channel) -> None:
    reply = await health_stub(channel).Check(HealthCheckRequest(service="shop.warehouse.v1.WarehouseService"))

    assert reply.status == HealthCheckResponse.SERVING


LINES = [PickLine(sku="LAMP-DESK", quantity=1, bin="B-07"), PickLine(sku="TEE-M", quantity=2, bin="A-02")]


async def test_a_pick_list_follows_the_shelves(channel: grpc.aio.Channel) -> None:
    request = FulfilOrderRequest(order_id="order-1", lines=LINES, tracking_number="SP1")

    pick_list = await WarehouseServiceStub(channel).FulfilOrder(request)

    assert pick_list.pick_list_id
    assert list(pick_list.lines) == LINES[::-1]


async def test_the_same_order_never_gets_two_pick_lists(channel: grpc.aio.Channel) -> None:
    warehouse = WarehouseServiceStub(channel)
    request = FulfilOrderRequest(order_id="order-2", lines=LINES, tracking_number="SP1")

    first = await warehouse.FulfilOrder(request, metadata=[("idempotency-key", "2/fulfil")])
    same_key = await warehouse.FulfilOrder(request, metadata=[("idempotency-key", "2/fulfil")])
    request.lines.pop()
    another_key = await warehouse.FulfilOrder(request, metadata=[("idempotency-key", "2/again")])

    assert first == same_key == another_key


async def test_a_key_that_comes_with_another_order_is_refused(channel: grpc.aio.Channel, refusal: Refusal) -> None:
    warehouse = WarehouseServiceStub(channel)
    metadata = [("idempotency-key", "3/fulfil")]
    await warehouse.FulfilOrder(
        FulfilOrderRequest(order_id="order-3", lines=LINES, tracking_number="SP1"), metadata=metadata
    )

    other = FulfilOrderRequest(order_id="order-4", lines=LINES, tracking_number="SP1")
    code, info = await refusal(warehouse.FulfilOrder(other, metadata=metadata))

    assert (code, info.domain) == (grpc.StatusCode.FAILED_PRECONDITION, "warehouse.shop")
    assert info.reason == "IDEMPOTENCY_KEY_REUSED"
