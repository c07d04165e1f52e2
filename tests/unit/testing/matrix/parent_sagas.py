"""A saga with children, one of which has a child of its own, and one that can only go forward."""

from __future__ import annotations

from orchestrator import child, saga, saga_id, scope
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from tests.unit.testing.matrix.selling_saga import Shop


@saga("wrap", version=1)
async def wrap(order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id="wrapped", lines=order.lines))
    return Receipt(order_id=order.customer_id)


@saga("fulfil", version=2)
async def fulfil(order: StartOrderRequest, shop: Shop) -> Receipt:
    with scope("warehouse-frankfurt-1"):
        await child(wrap, order)
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id="fulfilled", lines=order.lines))
    return Receipt(order_id=order.customer_id)


@saga("collect", version=1)
async def collect(order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id="collected", lines=order.lines))
    price = await shop.pricing.PriceOrder(PriceOrderRequest(lines=order.lines, country=order.ship_to.country))
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id="collected", amount=price.total))
    return Receipt(order_id=order.customer_id, total=price.total)


@saga("sell", version=1)
async def sell(order: StartOrderRequest, shop: Shop) -> Receipt:
    await child(fulfil, order)
    price = await shop.pricing.PriceOrder(PriceOrderRequest(lines=order.lines, country=order.ship_to.country))
    await shop.payment.AuthorizePayment(
        AuthorizePaymentRequest(
            order_id=saga_id(), customer_id=order.customer_id, amount=price.total, card_token=order.card_token
        )
    )
    receipt = await child(collect, order)
    await shop.rewards.CreditPoints(
        CreditPointsRequest(order_id=saga_id(), customer_id=order.customer_id, total=price.total)
    )
    return receipt
