"""A saga that waits for all that can be waited for, briefly: its replica has something to measure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.wrappers_pb2 import StringValue

from orchestrator import saga, saga_id, signal, sleep
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub  # noqa: TC001 - the saga's signature is read
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest


@dataclass(frozen=True)
class Stock:
    """Who takes part."""

    inventory: InventoryServiceStub


@saga("patient", version=1)
async def patient(order: StartOrderRequest, stock: Stock) -> Receipt:
    """Nothing is reserved before a moment has passed, and somebody has said something."""
    await sleep(timedelta(milliseconds=10))
    await signal("note", StringValue)
    await stock.inventory.ReserveStock(ReserveStockRequest(order_id=saga_id(), lines=order.lines))
    return Receipt(order_id=saga_id())
