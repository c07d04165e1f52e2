"""Sagas that use everything that sagas can do, for simulating the engine; each is a short example of one of them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.wrappers_pb2 import StringValue
from google.type.money_pb2 import Money

from orchestrator import (
    CommandRejected,
    CommandUnknown,
    SagaRejected,
    SignalTimedOut,
    TimeLimitPassed,
    approval,
    best_effort,
    publish,
    saga,
    saga_id,
    scope,
    signal,
    sleep,
    timeout,
)
from orchestrator.definition import context
from orchestrator.definition.context import child
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub  # noqa: TC001 - the signatures of sagas are read
from shop.email.v1.email_pb2 import SendConfirmationRequest
from shop.email.v1.email_pb2_grpc import EmailServiceStub  # noqa: TC001 - the signatures of sagas are read
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub  # noqa: TC001 - the signatures of sagas are read
from shop.order.v1.events_pb2 import OrderPlaced
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub  # noqa: TC001 - the signatures of sagas are read
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest
from shop.pricing.v1.pricing_pb2_grpc import PricingServiceStub  # noqa: TC001 - the signatures of sagas are read
from shop.product.v1.product_pb2 import CreateOrderRequest
from shop.product.v1.product_pb2_grpc import ProductServiceStub  # noqa: TC001 - the signatures of sagas are read
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub  # noqa: TC001 - the signatures of sagas are read
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentRequest
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub  # noqa: TC001 - the signatures of sagas are read

if TYPE_CHECKING:
    from orchestrator.definition.saga import SagaDefinition
    from shop.type.v1.type_pb2 import Line

    Definition = SagaDefinition[Any, Any, Any]

_PRICE: Final = Money(currency_code="EUR", units=20)
_PARCEL_GRAMS: Final = 500
_HALF: Final = 0.5


@dataclass(frozen=True)
class Shop:
    """The participants of the sagas below."""

    product: ProductServiceStub
    inventory: InventoryServiceStub
    pricing: PricingServiceStub
    payment: PaymentServiceStub
    shipping: ShippingServiceStub
    rewards: RewardsServiceStub
    email: EmailServiceStub
    analytics: AnalyticsServiceStub


@saga("bundle", version=1)
async def bundle(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Branches: a TaskGroup with a scope for each line, a gather before the pivot and one after it."""
    order_id = saga_id()

    async def pack(line: Line) -> None:
        with scope(line.sku):
            await publish(OrderPlaced(order_id=line.sku), at_once=True)
            await shop.inventory.ReserveStock(ReserveStockRequest(order_id=order_id, lines=[line]))
            await shop.pricing.PriceOrder(PriceOrderRequest(lines=[line], country="DE"))

    async with asyncio.TaskGroup() as group:
        for line in order.lines:
            group.create_task(pack(line))
    await asyncio.gather(_hold(order, shop), _ship(order, shop))
    await publish(OrderPlaced(order_id=order_id, total=_PRICE))
    await best_effort(
        shop.analytics.RecordOrder(RecordOrderRequest(order_id=order_id, lines=order.lines, total=_PRICE))
    )
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=order_id, amount=_PRICE))
    await publish(OrderPlaced(order_id=order_id, member=order.member))
    await asyncio.gather(_confirm(order, shop), _credit(order, shop))
    return Receipt(order_id=order_id, total=_PRICE)


@saga("bundle", version=2)
async def bundle_at_once(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A later version of the same saga, whose journals look different; the earlier one is still served."""
    order_id = saga_id()
    await _ship(order, shop)
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id=order_id, lines=order.lines))
    await _hold(order, shop)
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=order_id, amount=_PRICE))
    await _confirm(order, shop)
    return Receipt(order_id=order_id, total=_PRICE)


@saga("choices", version=1)
async def choices(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Takes another way when refused or left without an answer, decides by chance and the clock, gives up at times."""
    order_id = saga_id()
    lucky = context.random() < _HALF
    name = f"{context.uuid4()}-{context.now():%H}"
    await shop.product.CreateOrder(CreateOrderRequest(order_id=order_id, customer_id=name, lines=order.lines))
    try:
        await _ship(order, shop)
    except (CommandRejected, CommandUnknown):
        with scope("instead"):
            await shop.inventory.ReserveStock(ReserveStockRequest(order_id=order_id, lines=order.lines[:1]))
    if lucky:
        await _hold(order, shop)
    elif not order.member:
        raise SagaRejected("CHANGED_MY_MIND", "rather not")
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=order_id, amount=_PRICE))
    if order.member:
        await _credit(order, shop)
    await _confirm(order, shop)
    return Receipt(order_id=order_id, total=_PRICE)


@saga("hurry", version=1, deadline=timedelta(seconds=8), reserve=timedelta(seconds=3))
async def hurry(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Has a deadline."""
    order_id = saga_id()
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id=order_id, lines=order.lines))
    await _hold(order, shop)
    await _ship(order, shop)
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=order_id, amount=_PRICE))
    await _confirm(order, shop)
    return Receipt(order_id=order_id, total=_PRICE)


@saga("patience", version=1)
async def patience(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Waits for times, signals and a decision, alone, side by side and within limits."""
    order_id = saga_id()
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id=order_id, lines=order.lines))
    await sleep(timedelta(seconds=5))
    try:
        async with timeout(timedelta(seconds=4)):
            await asyncio.gather(_hold(order, shop), _ship(order, shop))
    except TimeLimitPassed:
        with scope("instead"):
            await _hold(order, shop)
    await asyncio.gather(sleep(timedelta(seconds=3)), _noted(), _noted())
    try:
        async with timeout(timedelta(seconds=40)):
            decision = await approval(timeout=timedelta(seconds=30))
    except SignalTimedOut:
        decision = await approval()
    if not decision.approved:
        raise SagaRejected("NOT_APPROVED", "somebody said no")
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=order_id, amount=_PRICE))
    await sleep(timedelta(seconds=1))
    await _confirm(order, shop)
    return Receipt(order_id=order_id, total=_PRICE)


@saga("parcel", version=1)
async def parcel(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A child that can be compensated, and tells what it does."""
    await publish(OrderPlaced(order_id=saga_id()))
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id=saga_id(), lines=order.lines))
    await _ship(order, shop)
    return Receipt(order_id=saga_id())


@saga("parcel", version=2)
async def tracked_parcel(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A later version of that child."""
    await _ship(order, shop)
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id=saga_id(), lines=order.lines))
    return Receipt(order_id=saga_id())


@saga("till", version=1)
async def till(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A child with a pivot, which makes it a pivot of its parent."""
    await _hold(order, shop)
    await publish(OrderPlaced(order_id=saga_id(), total=_PRICE))
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id(), amount=_PRICE))
    return Receipt(order_id=saga_id(), total=_PRICE)


@saga("delivery", version=1)
async def delivery(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A parent: two children side by side, and one that decides."""
    await shop.product.CreateOrder(
        CreateOrderRequest(order_id=saga_id(), customer_id=order.customer_id, lines=order.lines)
    )

    async def send(name: str) -> None:
        with scope(name):
            await child(parcel, order)

    await asyncio.gather(send("first"), send("second"))
    await child(till, order)
    await _confirm(order, shop)
    return Receipt(order_id=saga_id(), total=_PRICE)


@saga("delivery", version=2)
async def tracked_delivery(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A later version of that parent, which runs a later version of its child."""
    await child(tracked_parcel, order)
    await child(till, order)
    await _confirm(order, shop)
    return Receipt(order_id=saga_id(), total=_PRICE)


async def _noted() -> None:
    with contextlib.suppress(SignalTimedOut):
        await signal("note", StringValue, timeout=timedelta(seconds=8))


async def _hold(order: StartOrderRequest, shop: Shop) -> None:
    await shop.payment.AuthorizePayment(
        AuthorizePaymentRequest(
            order_id=saga_id(), customer_id=order.customer_id, amount=_PRICE, card_token=order.card_token
        )
    )


async def _ship(order: StartOrderRequest, shop: Shop) -> None:
    await shop.shipping.ArrangeShipment(
        ArrangeShipmentRequest(order_id=saga_id(), ship_to=order.ship_to, weight_grams=_PARCEL_GRAMS)
    )


async def _credit(order: StartOrderRequest, shop: Shop) -> None:
    await shop.rewards.CreditPoints(
        CreditPointsRequest(order_id=saga_id(), customer_id=order.customer_id, total=_PRICE)
    )


async def _confirm(order: StartOrderRequest, shop: Shop) -> None:
    await shop.email.SendConfirmation(SendConfirmationRequest(order_id=saga_id(), to=order.email, total=_PRICE))
