"""The checkout as a saga, and as the bare chain of the same calls."""

from dataclasses import dataclass

from bench.v1.bench_pb2 import (
    AuthorizeRequest,
    CaptureRequest,
    Order,
    Receipt,
    ReleaseRequest,
    ReserveRequest,
    ShipRequest,
    UnshipRequest,
    VoidRequest,
)
from bench.v1.bench_pb2_grpc import CheckoutServiceStub

from orchestrator import saga, saga_id


@dataclass(frozen=True)
class Shop:
    checkout: CheckoutServiceStub


@saga("checkout", version=1)
async def checkout(order: Order, shop: Shop) -> Receipt:
    return await chain(order, shop, saga_id())


@saga("delivery", version=1)
async def delivery(order: Order, shop: Shop) -> Receipt:
    """The second half of the checkout: as many calls as one makes that is recovered after its first half."""
    return await second_half(order, shop, saga_id())


async def chain(order: Order, shop: Shop, order_id: str) -> Receipt:
    await shop.checkout.Reserve(ReserveRequest(order_id=order_id, sku=order.sku, quantity=order.quantity))
    await shop.checkout.Authorize(AuthorizeRequest(order_id=order_id, amount=order.amount))
    return await second_half(order, shop, order_id)


async def second_half(order: Order, shop: Shop, order_id: str) -> Receipt:
    parcel = await shop.checkout.Ship(ShipRequest(order_id=order_id, address=order.address))
    paid = await shop.checkout.Capture(CaptureRequest(order_id=order_id, refuse=order.refuse))
    return Receipt(payment_id=paid.payment_id, tracking=parcel.tracking)


async def take_back(shop: Shop, order_id: str) -> None:
    """What the rollback of a refused checkout calls."""
    await shop.checkout.Unship(UnshipRequest(order_id=order_id))
    await shop.checkout.Void(VoidRequest(order_id=order_id))
    await shop.checkout.Release(ReleaseRequest(order_id=order_id))
