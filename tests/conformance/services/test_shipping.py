"""The shipments, on every store."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from services.shipping.service import ShippingService
from shop.shipping.v1.shipping_pb2 import (
    SHIPMENT_STATE_CANCELLED,
    ArrangeShipmentRequest,
    CancelShipmentRequest,
    GetShipmentRequest,
)
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub
from shop.type.v1.type_pb2 import Address

if TYPE_CHECKING:
    from tests.conformance.services.conftest import RefusedWith, Serve

NOON = datetime(2030, 5, 17, 12, tzinfo=UTC)


@pytest.fixture
async def shipping(serve: Serve) -> ShippingServiceStub:
    return ShippingServiceStub(await serve("shipping", partial(ShippingService, clock=lambda: NOON)))


def parcel(order_id: str, country: str = "DE", weight_grams: int = 350) -> ArrangeShipmentRequest:
    ship_to = Address(name="Ada", street="Weg 1", city="Bonn", postal_code="53111", country=country)
    return ArrangeShipmentRequest(order_id=order_id, ship_to=ship_to, weight_grams=weight_grams)


async def test_a_cancelled_shipment_stays_visible_and_is_not_arranged_again(
    shipping: ShippingServiceStub, refused_with: RefusedWith
) -> None:
    arranged = (await shipping.ArrangeShipment(parcel("order-1"))).shipment
    for _ in range(2):
        await shipping.CancelShipment(CancelShipmentRequest(order_id="order-1"))

    shown = (await shipping.GetShipment(GetShipmentRequest(order_id="order-1"))).shipment
    refused = await refused_with(shipping.ArrangeShipment(parcel("order-1")))

    assert arranged.arranged_at.ToDatetime(UTC) == NOON
    assert shown.state == SHIPMENT_STATE_CANCELLED
    assert (shown.tracking_number, shown.arranged_at) == (arranged.tracking_number, arranged.arranged_at)
    assert refused == ("FAILED_PRECONDITION", "SHIPMENT_ALREADY_ARRANGED", {"order_id": "order-1"})


async def test_cancelling_a_shipment_that_was_never_arranged_succeeds(
    shipping: ShippingServiceStub, refused_with: RefusedWith
) -> None:
    await shipping.CancelShipment(CancelShipmentRequest(order_id="order-1"))

    unknown = await refused_with(shipping.GetShipment(GetShipmentRequest(order_id="order-1")))

    assert unknown == ("NOT_FOUND", "SHIPMENT_UNKNOWN", {"order_id": "order-1"})


async def test_each_country_gets_a_carrier_that_delivers_there(shipping: ShippingServiceStub) -> None:
    carriers = {
        country: (await shipping.ArrangeShipment(parcel(f"order-{country}", country))).shipment.carrier
        for country in ("DE", "GB", "JP")
    }

    assert carriers == {"DE": "Swift Post", "GB": "Blue Parcel", "JP": "Ocean Freight"}
