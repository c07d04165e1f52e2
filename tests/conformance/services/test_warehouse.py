"""The pick lists, on every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.warehouse.v1.warehouse_pb2 import FulfilOrderRequest, PickLine
from shop.warehouse.v1.warehouse_pb2_grpc import WarehouseServiceStub

if TYPE_CHECKING:
    from tests.conformance.services.conftest import Serve

LINES = [PickLine(sku="LAMP-DESK", quantity=1, bin="B-07"), PickLine(sku="TEE-M", quantity=2, bin="A-02")]


async def test_the_same_order_never_gets_two_pick_lists(serve: Serve) -> None:
    warehouse = WarehouseServiceStub(await serve("warehouse"))

    first = await warehouse.FulfilOrder(FulfilOrderRequest(order_id="order-1", lines=LINES, tracking_number="SP1"))
    again = await warehouse.FulfilOrder(FulfilOrderRequest(order_id="order-1", lines=LINES[:1], tracking_number="SP2"))

    assert list(first.lines) == LINES[::-1]
    assert again == first
