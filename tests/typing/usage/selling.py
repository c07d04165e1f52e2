"""A saga as a user writes it: stubs, scopes, children, best effort, recorded values, what is caught and raised."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, assert_type
from uuid import UUID

import orchestrator
from orchestrator import (
    CommandRejected,
    CommandUnknown,
    OrchestratorError,
    SagaRejected,
    best_effort,
    child,
    now,
    random,
    saga,
    saga_id,
    scope,
    use_overlay,
    uuid4,
)
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest, ReserveStockResponse
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest, PriceOrderResponse

if TYPE_CHECKING:
    from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
    from shop.pricing.v1.pricing_pb2_grpc import PricingServiceStub


use_overlay("overlay.yaml")
use_overlay(Path(__file__).with_name("overlay.yaml"))


@dataclass(frozen=True)
class Stubs:
    """Who takes part."""

    inventory: InventoryServiceStub
    pricing: PricingServiceStub


@saga("price", version=1)
async def price(order: StartOrderRequest, stubs: Stubs) -> PriceOrderResponse:
    return await stubs.pricing.PriceOrder(PriceOrderRequest(lines=order.lines))


@saga("sell", version=2, deadline=timedelta(hours=1), reserve=timedelta(minutes=5))
async def sell(order: StartOrderRequest, stubs: Stubs) -> Receipt:
    reserve = ReserveStockRequest(order_id=saga_id(), lines=order.lines)
    assert_type(saga_id(), str)
    assert_type(now(), datetime)
    assert_type(orchestrator.now(), datetime)
    assert_type(random(), float)
    assert_type(uuid4(), UUID)
    try:
        assert_type(await stubs.inventory.ReserveStock(reserve), ReserveStockResponse)
    except CommandRejected as rejected:
        raise SagaRejected(
            "NO_STOCK", f"{rejected.key}: {rejected.code}, {rejected.reason}: {rejected.message}"
        ) from None
    except CommandUnknown as unknown:
        assert_type(unknown.key, str)
        raise
    except OrchestratorError:
        raise
    with scope("gift"):
        first, second = await asyncio.gather(
            stubs.inventory.ReserveStock(reserve), best_effort(stubs.inventory.ReserveStock(reserve))
        )
    assert_type(first, ReserveStockResponse)
    assert_type(second, ReserveStockResponse | None)
    priced = await child(price, order)
    assert_type(priced, PriceOrderResponse)
    return Receipt(order_id=saga_id(), total=priced.total)
