from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from shop.shipping.v1.shipping_pb2 import (
    SHIPMENT_STATE_ARRANGED,
    SHIPMENT_STATE_CANCELLED,
    ArrangeShipmentRequest,
    CancelShipmentRequest,
    GetShipmentRequest,
)
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub
from shop.type.v1.type_pb2 import Address
from tests.support.asynchronous import health_stub

if TYPE_CHECKING:
    from tests.integration.services.conftest import Refusal


async def test_the_process_is_healthy(channel: grpc.aio.Channel) -> None:
    reply = await health_stub(channel).Check(HealthCheckRequest(service="shop.shipping.v1.ShippingService"))

    assert reply.status == HealthCheckResponse.SERVING


def parcel(order_id: str, weight_grams: int = 350) -> ArrangeShipmentRequest:
    ship_to = Address(name="Ada", street="Weg 1", city="Bonn", postal_code="53111", country="DE")
    return ArrangeShipmentRequest(order_id=order_id, ship_to=ship_to, weight_grams=weight_grams)


async def test_a_shipment_is_arranged_shown_and_cancelled(channel: grpc.aio.Channel) -> None:
    shipping = ShippingServiceStub(channel)

    arranged = (await shipping.ArrangeShipment(parcel("order-1"), metadata=[("idempotency-key", "1/arrange")])).shipment
    shown = (await shipping.GetShipment(GetShipmentRequest(order_id="order-1"))).shipment
    await shipping.CancelShipment(
        CancelShipmentRequest(order_id="order-1"),
        metadata=[("idempotency-key", "1/cancel"), ("compensates", "1/arrange")],
    )
    cancelled = (await shipping.GetShipment(GetShipmentRequest(order_id="order-1"))).shipment

    assert (arranged.carrier, arranged.cost.units, arranged.cost.nanos) == ("Swift Post", 4, 900_000_000)
    assert arranged.state == SHIPMENT_STATE_ARRANGED
    assert shown == arranged
    assert cancelled.state == SHIPMENT_STATE_CANCELLED


async def test_the_same_key_arranges_one_shipment(channel: grpc.aio.Channel) -> None:
    shipping = ShippingServiceStub(channel)
    metadata = [("idempotency-key", "2/arrange")]

    first = await shipping.ArrangeShipment(parcel("order-2"), metadata=metadata)
    second = await shipping.ArrangeShipment(parcel("order-2"), metadata=metadata)

    assert first == second


async def test_another_key_does_not_arrange_a_second_shipment(channel: grpc.aio.Channel, refusal: Refusal) -> None:
    shipping = ShippingServiceStub(channel)
    await shipping.ArrangeShipment(parcel("order-3"), metadata=[("idempotency-key", "3/arrange")])

    code, info = await refusal(shipping.ArrangeShipment(parcel("order-3"), metadata=[("idempotency-key", "3/again")]))

    assert (code, info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SHIPMENT_ALREADY_ARRANGED")


async def test_the_grand_piano_is_refused(channel: grpc.aio.Channel, refusal: Refusal) -> None:
    call = ShippingServiceStub(channel).ArrangeShipment(parcel("order-4", weight_grams=480_000))

    code, info = await refusal(call)

    assert (code, info.reason, info.domain) == (grpc.StatusCode.FAILED_PRECONDITION, "NO_CARRIER", "shipping.shop")
    assert dict(info.metadata) == {"country": "DE", "weight_grams": "480000"}


async def test_an_order_without_a_shipment_is_not_found(channel: grpc.aio.Channel, refusal: Refusal) -> None:
    code, info = await refusal(ShippingServiceStub(channel).GetShipment(GetShipmentRequest(order_id="nobody")))

    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "SHIPMENT_UNKNOWN")
