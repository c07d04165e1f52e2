"""The saga that most tests run: a trip through the shop."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.definition.saga import saga
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub  # noqa: TC001 - the signatures of sagas are read
from shop.email.v1.email_pb2 import SendConfirmationRequest
from shop.email.v1.email_pb2_grpc import EmailServiceStub  # noqa: TC001 - as above
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub  # noqa: TC001 - as above
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub  # noqa: TC001 - as above
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest
from shop.pricing.v1.pricing_pb2_grpc import PricingServiceStub  # noqa: TC001 - as above
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentRequest
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub  # noqa: TC001 - as above
from tests.support.engine_world.definitions import SAGA


@dataclass(frozen=True)
class Shop:
    """The participants of the saga below."""

    inventory: InventoryServiceStub
    pricing: PricingServiceStub
    payment: PaymentServiceStub
    shipping: ShippingServiceStub
    email: EmailServiceStub
    analytics: AnalyticsServiceStub


RESERVE, AUTHORIZE, ARRANGE = (
    ReserveStockRequest(order_id=SAGA),
    AuthorizePaymentRequest(order_id=SAGA),
    ArrangeShipmentRequest(order_id=SAGA),
)
PRICE, CAPTURE, CONFIRM = (
    PriceOrderRequest(),
    CapturePaymentRequest(order_id=SAGA),
    SendConfirmationRequest(order_id=SAGA),
)


@saga("trip", version=1)
async def trip(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A query, three compensable commands, the pivot, and one that only goes forward."""
    price = await shop.pricing.PriceOrder(PRICE)
    await shop.inventory.ReserveStock(RESERVE)
    await shop.payment.AuthorizePayment(AUTHORIZE)
    parcel = await shop.shipping.ArrangeShipment(ARRANGE)
    await shop.payment.CapturePayment(CAPTURE)
    await shop.email.SendConfirmation(CONFIRM)
    return Receipt(order_id=order.customer_id, total=price.total, carrier=parcel.shipment.carrier)


FORWARD = [
    "PriceOrder",
    "ReserveStock",
    "AuthorizePayment",
    "ArrangeShipment",
    "CapturePayment",
    "SendConfirmation",
]
BACKWARD = ["CancelShipment", "VoidAuthorization", "ReleaseStock"]
