"""The checkout as a saga, and as the bare chain of the same calls."""

from dataclasses import dataclass

from bench.v1.bench_pb2 import AuthorizeRequest, CaptureRequest, Order, Receipt, ReserveRequest, ShipRequest
from bench.v1.bench_pb2_grpc import CheckoutServiceStub

from orchestrator import saga, saga_id


@dataclass(frozen=True)
class Shop:
    checkout: CheckoutServiceStub


@saga("checkout", version=1)
async def checkout(order: Order, shop: Shop) -> Receipt:
    return await chain(order, shop, saga_id())


async def chain(order: Order, shop: Shop, order_id: str) -> Receipt:
    await shop.checkout.Reserve(ReserveRequest(order_id=order_id, sku=order.sku, quantity=order.quantity))
    await shop.checkout.Authorize(AuthorizeRequest(order_id=order_id, amount=order.amount))
    parcel = await shop.checkout.Ship(ShipRequest(order_id=order_id, address=order.address))
    paid = await shop.checkout.Capture(CaptureRequest(order_id=order_id, refuse=order.refuse))
    return Receipt(payment_id=paid.payment_id, tracking=parcel.tracking)
