from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import grpc
import pytest

from services.chassis import Rejection
from services.shipping import store
from services.shipping.domain import Shipment, ShipmentState, arrange, cheapest_quote

if TYPE_CHECKING:
    from sqlalchemy import Connection

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def shipment(connection: Connection) -> Shipment:
    return arrange("order-7", cheapest_quote(store.carriers(connection), "DE", 350), NOON)


@pytest.mark.parametrize(
    ("country", "grams", "carrier", "cost"),
    [
        ("DE", 350, "Swift Post", "4.90"),
        ("DE", 9_500, "Blue Parcel", "12.90"),
        ("GB", 350, "Blue Parcel", "7.90"),
        ("DE", 31_501, "Ocean Freight", "129.00"),
        ("JP", 350, "Ocean Freight", "39.00"),
    ],
)
def test_the_carriers_cover_the_world(
    connection: Connection, country: str, grams: int, carrier: str, cost: str
) -> None:
    quote = cheapest_quote(store.carriers(connection), country, grams)

    assert (quote.carrier.name, quote.cost) == (carrier, Decimal(cost))


@pytest.mark.parametrize("country", ["DE", "GB", "US"])
def test_no_carrier_takes_the_grand_piano(connection: Connection, country: str) -> None:
    with pytest.raises(Rejection, match="no carrier"):
        cheapest_quote(store.carriers(connection), country, 480_000)


def test_a_shipment_comes_back_as_it_was_kept(connection: Connection, shipment: Shipment) -> None:
    store.keep(connection, shipment)

    assert store.show(connection, "order-7") == shipment


def test_an_order_has_one_shipment(connection: Connection, shipment: Shipment) -> None:
    store.keep(connection, shipment)

    with pytest.raises(Rejection) as refused:
        store.keep(connection, shipment)

    assert refused.value.reason == "SHIPMENT_ALREADY_ARRANGED"


def test_a_cancelled_shipment_stays_visible_as_cancelled(connection: Connection, shipment: Shipment) -> None:
    store.keep(connection, shipment)

    store.cancel(connection, "order-7")
    store.cancel(connection, "order-7")

    assert store.show(connection, "order-7") == replace(shipment, state=ShipmentState.CANCELLED)


def test_cancelling_touches_no_other_order(connection: Connection, shipment: Shipment) -> None:
    store.keep(connection, shipment)

    store.cancel(connection, "order-8")

    assert store.show(connection, "order-7").state is ShipmentState.ARRANGED


def test_an_order_without_a_shipment_is_not_found(connection: Connection) -> None:
    with pytest.raises(Rejection) as refused:
        store.show(connection, "order-7")

    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.NOT_FOUND, "SHIPMENT_UNKNOWN")
