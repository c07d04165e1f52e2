"""What a web page needs to know of an order, asked of several participants at once, outside any saga."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

from shop.order.v1 import order_service_pb2
from shop.payment.v1.payment_pb2 import GetPaymentRequest, GetPaymentResponse
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.product.v1.product_pb2 import GetProductRequest, GetProductResponse
from shop.product.v1.product_pb2_grpc import ProductServiceStub
from shop.rewards.v1.rewards_pb2 import GetBalanceRequest, GetBalanceResponse
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub
from shop.shipping.v1.shipping_pb2 import GetShipmentRequest, GetShipmentResponse
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message

    Details = order_service_pb2.GetOrderDetailsResponse

# A page would rather miss a part than wait for it.
_PATIENCE_SECONDS: Final = 1.0

_PRODUCT: Final = "shop.product.v1.ProductService"
_PAYMENT: Final = "shop.payment.v1.PaymentService"
_SHIPPING: Final = "shop.shipping.v1.ShippingService"
_REWARDS: Final = "shop.rewards.v1.RewardsService"


class OrderDetails:
    """Asks product, payment, shipping and rewards.

    Args:
        channel: a channel to a participant, by the full name of its service.
    """

    def __init__(self, channel: Callable[[str], grpc.aio.Channel]) -> None:
        self._channel = channel

    async def gather(self, order_id: str, order: order_service_pb2.StartOrderRequest) -> Details:
        """The parts that there are; a participant that does not answer is named under ``missing``."""
        details = order_service_pb2.GetOrderDetailsResponse()
        wait = _PATIENCE_SECONDS
        channel = self._channel
        payment, shipping = PaymentServiceStub(channel(_PAYMENT)), ShippingServiceStub(channel(_SHIPPING))
        product = ProductServiceStub(channel(_PRODUCT))
        questions: list[tuple[str, Awaitable[Any]]] = [
            (
                _PAYMENT,
                payment.GetPayment(GetPaymentRequest(order_id=order_id), timeout=wait),
            ),
            (
                _SHIPPING,
                shipping.GetShipment(GetShipmentRequest(order_id=order_id), timeout=wait),
            ),
            *((_PRODUCT, product.GetProduct(GetProductRequest(sku=line.sku), timeout=wait)) for line in order.lines),
        ]
        if order.member:
            balance = GetBalanceRequest(customer_id=order.customer_id)
            questions.append((_REWARDS, RewardsServiceStub(channel(_REWARDS)).GetBalance(balance, timeout=wait)))
        answers = await asyncio.gather(*(question for _, question in questions), return_exceptions=True)
        for (service, _), answer in zip(questions, answers, strict=True):
            _add(details, service, answer)
        return details


def _add(details: Details, service: str, answer: Message | BaseException) -> None:
    match answer:
        case GetPaymentResponse():
            details.payment.CopyFrom(answer.payment)
        case GetShipmentResponse():
            details.shipment.CopyFrom(answer.shipment)
        case GetBalanceResponse():
            details.points.CopyFrom(answer.balance)
        case GetProductResponse():
            details.products.append(answer.product)
        case grpc.aio.AioRpcError():
            _note_missing(details, service, answer)
        case BaseException():
            raise answer


def _note_missing(details: Details, service: str, error: grpc.aio.AioRpcError) -> None:
    """NOT_FOUND is an answer: the part has not come into being. A service is named once."""
    if error.code() is grpc.StatusCode.NOT_FOUND or any(part.service == service for part in details.missing):
        return
    details.missing.add(service=service, message=f"{error.code().name}: {error.details()}")
