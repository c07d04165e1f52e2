"""The sagas of the suite: each uses one thing that sagas can do. Every wait in them is short."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.wrappers_pb2 import StringValue

from orchestrator import SagaRejected, approval, publish, saga, saga_id, scope, signal, sleep
from orchestrator.definition.context import child, now, random
from shop.email.v1.email_pb2 import SendConfirmationRequest
from shop.email.v1.email_pb2_grpc import EmailServiceStub  # noqa: TC001 - the signatures of sagas are read
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub  # noqa: TC001 - as above
from shop.order.v1.events_pb2 import OrderPlaced
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub  # noqa: TC001 - as above
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest
from shop.pricing.v1.pricing_pb2_grpc import PricingServiceStub  # noqa: TC001 - as above
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentRequest
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub  # noqa: TC001 - as above

if TYPE_CHECKING:
    from orchestrator.definition.saga import SagaDefinition

ORDER: Final = StartOrderRequest(customer_id="ada")
MANY: Final = 60
"""So many commands has the long saga."""
TOLD: Final = 12
"""So many events has the talkative one."""

FORWARD: Final = (
    "PriceOrder",
    "ReserveStock",
    "AuthorizePayment",
    "ArrangeShipment",
    "CapturePayment",
    "SendConfirmation",
)
BACKWARD: Final = ("CancelShipment", "VoidAuthorization", "ReleaseStock")
"""The rpcs of the trip, and of its whole rollback."""


@dataclass(frozen=True)
class Shop:
    """The participants."""

    inventory: InventoryServiceStub
    pricing: PricingServiceStub
    payment: PaymentServiceStub
    shipping: ShippingServiceStub
    email: EmailServiceStub


async def _reserve(shop: Shop) -> None:
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id=saga_id()))


async def _capture(shop: Shop) -> None:
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id()))


@saga("trip", version=1)
async def trip(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A query, three compensable commands, the pivot, and one that only goes forward."""
    await shop.pricing.PriceOrder(PriceOrderRequest())
    await _reserve(shop)
    await shop.payment.AuthorizePayment(AuthorizePaymentRequest(order_id=saga_id()))
    await shop.shipping.ArrangeShipment(ArrangeShipmentRequest(order_id=saga_id()))
    await _capture(shop)
    await shop.email.SendConfirmation(SendConfirmationRequest(order_id=saga_id()))
    return Receipt(order_id=order.customer_id)


@saga("trip", version=2)
async def trip_at_once(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A later version."""
    await _capture(shop)
    return Receipt(order_id=order.customer_id, carrier="2")


@saga("branches", version=1)
async def branches(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Three branches side by side."""

    async def reserve(name: str) -> None:
        with scope(name):
            await _reserve(shop)

    async with asyncio.TaskGroup() as group:
        for name in ("a", "b", "c"):
            group.create_task(reserve(name))
    await asyncio.gather(
        shop.payment.AuthorizePayment(AuthorizePaymentRequest(order_id=saga_id())),
        shop.shipping.ArrangeShipment(ArrangeShipmentRequest(order_id=saga_id())),
    )
    await _capture(shop)
    return Receipt(order_id=order.customer_id)


@saga("sleepy", version=1)
async def sleepy(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A moment passes between the reservation and the pivot."""
    await _reserve(shop)
    await sleep(timedelta(milliseconds=300))
    await _capture(shop)
    return Receipt(order_id=order.customer_id)


@saga("patient", version=1)
async def patient(order: StartOrderRequest, shop: Shop) -> Receipt:
    """So long a time passes that it is parked."""
    await _reserve(shop)
    await sleep(timedelta(seconds=6))
    await _capture(shop)
    return Receipt(order_id=order.customer_id)


@saga("approved", version=1)
async def approved(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Somebody must say yes."""
    await _reserve(shop)
    if not (await approval()).approved:
        raise SagaRejected("NOT_APPROVED", "somebody said no")
    await _capture(shop)
    return Receipt(order_id=order.customer_id)


@saga("noted", version=1)
async def noted(order: StartOrderRequest, shop: Shop) -> Receipt:
    """It takes two notes, and gives up where one does not come."""
    await _reserve(shop)
    first = await signal("note", StringValue, timeout=timedelta(minutes=1))
    second = await signal("note", StringValue, timeout=timedelta(seconds=1 if order.member else 60))
    await _capture(shop)
    return Receipt(order_id=order.customer_id, carrier=f"{first.value}+{second.value}")


@saga("hurried", version=1, deadline=timedelta(seconds=3), reserve=timedelta(seconds=2))
async def hurried(order: StartOrderRequest, shop: Shop) -> Receipt:
    """It waits for longer than its deadline allows."""
    await _reserve(shop)
    await approval()
    await _capture(shop)
    return Receipt(order_id=order.customer_id)


@saga("drawn", version=1)
async def drawn(order: StartOrderRequest, shop: Shop) -> Receipt:
    """It asks for the time and for chance, which a replay must find again."""
    told = f"{now().isoformat()} {random()}"
    await _reserve(shop)
    await _capture(shop)
    return Receipt(order_id=order.customer_id, carrier=told)


@saga("broken", version=1)
async def broken(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - as every saga
    """Its code has a fault."""
    await _reserve(shop)
    raise ZeroDivisionError("a fault in the code")


@saga("unsayable", version=1)
async def unsayable(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - as every saga
    """It gives up in words that UTF-8 cannot say: half of an emoji is in them."""
    await _reserve(shop)
    raise SagaRejected("GIVEN_UP", "nobody likes this \ud83d")


@saga("long", version=1)
async def long(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Many commands, one after another."""
    for number in range(MANY):
        with scope(f"line-{number}"):
            await _reserve(shop)
    await _capture(shop)
    return Receipt(order_id=order.customer_id)


@saga("parcel", version=1)
async def parcel(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - as every saga
    """A child that can be compensated."""
    await _reserve(shop)
    return Receipt(order_id=saga_id())


@saga("delivery", version=1)
async def delivery(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A parent, which goes on after its child."""
    sent = await child(parcel, order)
    await shop.shipping.ArrangeShipment(ArrangeShipmentRequest(order_id=saga_id()))
    await _capture(shop)
    return Receipt(order_id=sent.order_id)


@saga("sleepy", version=1)
async def recoded_sleepy(order: StartOrderRequest, shop: Shop) -> Receipt:
    """The same name and version, with code that begins otherwise: a deploy that should have been another version."""
    await shop.shipping.ArrangeShipment(ArrangeShipmentRequest(order_id=saga_id()))
    await _capture(shop)
    return Receipt(order_id=order.customer_id)


@saga("announced", version=1)
async def announced(order: StartOrderRequest, shop: Shop) -> Receipt:
    """It tells something before its pivot, at once, and after it."""
    await publish(OrderPlaced(order_id="before the pivot"))
    await _reserve(shop)
    await publish(OrderPlaced(order_id="at once"), at_once=True)
    await _capture(shop)
    await publish(OrderPlaced(order_id="after the pivot"))
    await shop.email.SendConfirmation(SendConfirmationRequest(order_id=saga_id()))
    return Receipt(order_id=order.customer_id)


@saga("announced_parcel", version=1)
async def announced_parcel(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - as every saga
    """A child without a pivot: what it tells, its parent holds."""
    await publish(OrderPlaced(order_id="of the child"))
    await _reserve(shop)
    return Receipt(order_id=saga_id())


@saga("announced_delivery", version=1)
async def announced_delivery(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Its parent."""
    sent = await child(announced_parcel, order)
    await publish(OrderPlaced(order_id="of the parent"))
    await _capture(shop)
    return Receipt(order_id=sent.order_id)


@saga("approved_parcel", version=1)
async def approved_parcel(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - as every saga
    """The same, and somebody must say yes before it goes on."""
    await publish(OrderPlaced(order_id="of the child"))
    await approval()
    await _reserve(shop)
    return Receipt(order_id=saga_id())


@saga("approved_delivery", version=1)
async def approved_delivery(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Its parent."""
    sent = await child(approved_parcel, order)
    await _capture(shop)
    return Receipt(order_id=sent.order_id)


@saga("talkative", version=1)
async def talkative(order: StartOrderRequest, shop: Shop) -> Receipt:
    """It tells something after each of many commands."""
    await _capture(shop)
    for number in range(TOLD):
        with scope(f"line-{number}"):
            await shop.email.SendConfirmation(SendConfirmationRequest(order_id=saga_id()))
        await publish(OrderPlaced(order_id=f"line {number}"))
    return Receipt(order_id=order.customer_id)


DEFINITIONS: Final[tuple[SagaDefinition[Any, Any, Any], ...]] = (
    trip,
    trip_at_once,
    branches,
    sleepy,
    patient,
    approved,
    noted,
    hurried,
    drawn,
    broken,
    unsayable,
    long,
    parcel,
    delivery,
    announced,
    announced_parcel,
    announced_delivery,
    approved_parcel,
    approved_delivery,
    talkative,
)
"""What the engine under test serves."""

RECODED: Final = tuple(recoded_sleepy if each is sleepy else each for each in DEFINITIONS)
"""The same after a deploy that should have been another version."""
