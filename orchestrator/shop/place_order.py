"""How the shop sells something.

Everything up to the capture of the payment can be compensated; from the capture on, the order only goes
forward. What compensates what is declared in the services' contracts, under ``protos/shop``. Orders that started with
version 1 stay on it; in version 2, an expensive order waits until somebody has approved it. A third saga leaves what
follows the payment to those who hear of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from orchestrator import SagaRejected, approval, best_effort, publish, saga, saga_id
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub
from shop.email.v1.email_pb2 import KeepAddressRequest, SendConfirmationRequest
from shop.email.v1.email_pb2_grpc import EmailServiceStub
from shop.fraud.v1.fraud_pb2 import VERDICT_ACCEPT, AssessOrderRequest
from shop.fraud.v1.fraud_pb2_grpc import FraudServiceStub
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest, ReserveStockResponse
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.order.v1.events_pb2 import OrderPlaced
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest, CapturePaymentResponse
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest, PriceOrderResponse
from shop.pricing.v1.pricing_pb2_grpc import PricingServiceStub
from shop.product.v1.product_pb2 import CreateOrderRequest, CreateOrderResponse
from shop.product.v1.product_pb2_grpc import ProductServiceStub
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentRequest, ArrangeShipmentResponse
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub
from shop.warehouse.v1.warehouse_pb2 import FulfilOrderRequest, PickLine
from shop.warehouse.v1.warehouse_pb2_grpc import WarehouseServiceStub

APPROVAL_LIMIT: Final = 25_000
"""An order of so many units of its currency or more waits for an approval."""
APPROVAL_TIME: Final = timedelta(hours=24)
"""For so long at most."""


@dataclass(frozen=True)
class Seller:
    """Who sells, and who is told so."""

    product: ProductServiceStub
    fraud: FraudServiceStub
    inventory: InventoryServiceStub
    pricing: PricingServiceStub
    payment: PaymentServiceStub
    shipping: ShippingServiceStub
    email: EmailServiceStub


@dataclass(frozen=True)
class Shop(Seller):
    """Who takes part."""

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


@saga("place_order_danced", version=1)
async def place_order_danced(order: StartOrderRequest, shop: Seller) -> Receipt:
    """The same, danced: what follows the payment is nobody's command, but what each service makes of an event.

    Up to the payment everything must be taken back together, so there the order is as before. Then the saga tells what
    has happened, and ends. Who hears it, it does not know. An event goes to strangers and holds no address, so the
    email service is given the customer's beforehand, by a command that is compensated like any other.
    """
    order_id = saga_id()
    reserved = await reserve(order, shop)
    await shop.email.KeepAddress(KeepAddressRequest(order_id=order_id, to=order.email))
    payment, parcel = await pay(order, shop, reserved)
    await publish(
        OrderPlaced(
            order_id=order_id,
            customer_id=order.customer_id,
            lines=order.lines,
            total=reserved.price.total,
            carrier=parcel.shipment.carrier,
            tracking_number=parcel.shipment.tracking_number,
            picks=picks(reserved),
            member=order.member,
        )
    )
    return Receipt(
        order_id=order_id,
        total=reserved.price.total,
        payment_id=payment.payment_id,
        carrier=parcel.shipment.carrier,
        tracking_number=parcel.shipment.tracking_number,
    )


async def reserve(order: StartOrderRequest, shop: Seller) -> Reserved:
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


class Paid(NamedTuple):
    """What is known of an order once it is paid."""

    payment: CapturePaymentResponse
    parcel: ArrangeShipmentResponse


async def pay(order: StartOrderRequest, shop: Seller, reserved: Reserved) -> Paid:
    """Take the money, if there is a carrier for the parcel."""
    order_id = saga_id()
    cart, _, price = reserved
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
    return Paid(payment, parcel)


def picks(reserved: Reserved) -> list[PickLine]:
    """What to take from which shelf."""
    return [PickLine(sku=line.sku, quantity=line.quantity, bin=line.bin) for line in reserved.stock.lines]


async def pay_and_ship(order: StartOrderRequest, shop: Shop, reserved: Reserved) -> Receipt:
    """Take the money, and do what was paid for."""
    order_id = saga_id()
    price = reserved.price
    payment, parcel = await pay(order, shop, reserved)

    async def credit_points() -> int:
        if not order.member:
            return 0
        credited = await shop.rewards.CreditPoints(
            CreditPointsRequest(order_id=order_id, customer_id=order.customer_id, total=price.total)
        )
        return credited.points

    tracking_number = parcel.shipment.tracking_number
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
        shop.warehouse.FulfilOrder(
            FulfilOrderRequest(order_id=order_id, lines=picks(reserved), tracking_number=tracking_number)
        ),
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
