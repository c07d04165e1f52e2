"""How the shop sells something.

Everything up to the capture of the payment can be compensated; from the capture on, the order only goes
forward. What compensates what is declared in the services' contracts, under ``protos/shop``. Orders that started with
version 1 stay on it; in version 2, an expensive order waits until somebody has approved it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from orchestrator import SagaRejected, approval, best_effort, saga, saga_id
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub
from shop.email.v1.email_pb2 import SendConfirmationRequest
from shop.email.v1.email_pb2_grpc import EmailServiceStub
from shop.fraud.v1.fraud_pb2 import VERDICT_ACCEPT, AssessOrderRequest
from shop.fraud.v1.fraud_pb2_grpc import FraudServiceStub
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest, ReserveStockResponse
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest, PriceOrderResponse
from shop.pricing.v1.pricing_pb2_grpc import PricingServiceStub
from shop.product.v1.product_pb2 import CreateOrderRequest, CreateOrderResponse
from shop.product.v1.product_pb2_grpc import ProductServiceStub
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentRequest
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub
from shop.warehouse.v1.warehouse_pb2 import FulfilOrderRequest, PickLine
from shop.warehouse.v1.warehouse_pb2_grpc import WarehouseServiceStub

APPROVAL_LIMIT: Final = 25_000
"""An order of so many units of its currency or more waits for an approval."""
APPROVAL_TIME: Final = timedelta(hours=24)
"""For so long at most."""


@dataclass(frozen=True)
class Shop:
    """Who takes part."""

    product: ProductServiceStub
    fraud: FraudServiceStub
    inventory: InventoryServiceStub
    pricing: PricingServiceStub
    payment: PaymentServiceStub
    shipping: ShippingServiceStub
    email: EmailServiceStub
    warehouse: WarehouseServiceStub
    rewards: RewardsServiceStub
    analytics: AnalyticsServiceStub


class Reserved(NamedTuple):
    """What is known of an order before its payment."""

    cart: CreateOrderResponse
    stock: ReserveStockResponse
    price: PriceOrderResponse


@saga("place_order", version=1)
async def place_order(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Sell, pay, ship; then tell everybody who waits for it."""
    reserved = await reserve(order, shop)
    return await pay_and_ship(order, shop, reserved)


@saga("place_order", version=2)
async def place_order_2(order: StartOrderRequest, shop: Shop) -> Receipt:
    """The same, but an order above a limit waits for somebody's yes before it is paid."""
    reserved = await reserve(order, shop)
    if reserved.price.total.units >= APPROVAL_LIMIT:
        decision = await approval(timeout=APPROVAL_TIME)
        if not decision.approved:
            raise SagaRejected("NOT_APPROVED", f"{decision.decided_by or 'somebody'} said no: {decision.reason}")
    return await pay_and_ship(order, shop, reserved)


async def reserve(order: StartOrderRequest, shop: Shop) -> Reserved:
    """Know who buys what for how much, and keep the stock for it."""
    order_id = saga_id()

    cart = await shop.product.CreateOrder(
        CreateOrderRequest(order_id=order_id, customer_id=order.customer_id, lines=order.lines)
    )
    risk = await shop.fraud.AssessOrder(
        AssessOrderRequest(
            order_id=order_id,
            customer_id=order.customer_id,
            amount=cart.list_total,
            billing_country=order.billing_country or order.ship_to.country,
            shipping_country=order.ship_to.country,
        )
    )
    if risk.verdict != VERDICT_ACCEPT:
        raise SagaRejected("FRAUD_SUSPECTED", f"the order scores {risk.score}: {', '.join(risk.reasons)}")

    stock = await shop.inventory.ReserveStock(ReserveStockRequest(order_id=order_id, lines=order.lines))
    price = await shop.pricing.PriceOrder(
        PriceOrderRequest(lines=order.lines, coupon_codes=order.coupon_codes, country=order.ship_to.country)
    )
    return Reserved(cart, stock, price)


async def pay_and_ship(order: StartOrderRequest, shop: Shop, reserved: Reserved) -> Receipt:
    """Take the money, and do what was paid for."""
    order_id = saga_id()
    cart, stock, price = reserved
    await shop.payment.AuthorizePayment(
        AuthorizePaymentRequest(
            order_id=order_id, customer_id=order.customer_id, amount=price.total, card_token=order.card_token
        )
    )
    parcel = await shop.shipping.ArrangeShipment(
        ArrangeShipmentRequest(order_id=order_id, ship_to=order.ship_to, weight_grams=cart.weight_grams)
    )

    # The point of no return.
    payment = await shop.payment.CapturePayment(CapturePaymentRequest(order_id=order_id, amount=price.total))

    async def credit_points() -> int:
        if not order.member:
            return 0
        credited = await shop.rewards.CreditPoints(
            CreditPointsRequest(order_id=order_id, customer_id=order.customer_id, total=price.total)
        )
        return credited.points

    tracking_number = parcel.shipment.tracking_number
    picks = [PickLine(sku=line.sku, quantity=line.quantity, bin=line.bin) for line in stock.lines]
    _, _, points, _ = await asyncio.gather(
        shop.email.SendConfirmation(
            SendConfirmationRequest(
                order_id=order_id,
                to=order.email,
                total=price.total,
                carrier=parcel.shipment.carrier,
                tracking_number=tracking_number,
            )
        ),
        shop.warehouse.FulfilOrder(FulfilOrderRequest(order_id=order_id, lines=picks, tracking_number=tracking_number)),
        credit_points(),
        best_effort(
            shop.analytics.RecordOrder(RecordOrderRequest(order_id=order_id, lines=order.lines, total=price.total))
        ),
    )
    return Receipt(
        order_id=order_id,
        total=price.total,
        payment_id=payment.payment_id,
        carrier=parcel.shipment.carrier,
        tracking_number=tracking_number,
        points=points,
    )
