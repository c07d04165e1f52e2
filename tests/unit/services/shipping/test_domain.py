from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import Rejection
from services.shipping.domain import (
    Carrier,
    PriceStep,
    Quote,
    ShipmentState,
    arrange,
    cheapest_quote,
    shipment_id,
    tracking_number,
)

POST = Carrier(
    "Swift Post", "SP", frozenset({"DE", "FR"}), (PriceStep(1_000, Decimal("4.90")), PriceStep(5_000, Decimal("7.90")))
)
PARCEL = Carrier("Blue Parcel", "BP", frozenset({"DE", "CH"}), (PriceStep(31_500, Decimal("12.90")),))
FREIGHT = Carrier("Ocean Freight", "OF", None, (PriceStep(200_000, Decimal("180.00")),))
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
CARRIERS = (FREIGHT, PARCEL, POST)

steps = st.builds(PriceStep, st.integers(1, 1_000), st.decimals(0, 100, places=2))
carriers = st.builds(
    Carrier,
    name=st.sampled_from(["A", "B", "C", "D"]),
    prefix=st.just("X"),
    countries=st.none() | st.frozensets(st.sampled_from(["DE", "FR", "US"])),
    steps=st.lists(steps, max_size=4).map(tuple),
)


@pytest.mark.parametrize(
    ("country", "grams", "carrier", "cost"),
    [
        ("DE", 350, "Swift Post", "4.90"),
        ("DE", 1_000, "Swift Post", "4.90"),
        ("DE", 1_001, "Swift Post", "7.90"),
        ("DE", 5_001, "Blue Parcel", "12.90"),
        ("CH", 350, "Blue Parcel", "12.90"),
        ("US", 350, "Ocean Freight", "180.00"),
        ("DE", 31_501, "Ocean Freight", "180.00"),
    ],
)
def test_a_parcel_goes_with_the_cheapest_carrier_that_takes_it(
    country: str, grams: int, carrier: str, cost: str
) -> None:
    quote = cheapest_quote(CARRIERS, country, grams)

    assert (quote.carrier.name, quote.cost) == (carrier, Decimal(cost))


def test_a_grand_piano_goes_nowhere() -> None:
    for country in ("DE", "CH", "US"):
        with pytest.raises(Rejection, match=f"no carrier takes 480000 g to {country}") as refused:
            cheapest_quote(CARRIERS, country, 480_000)

        assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NO_CARRIER")


def test_of_two_equal_offers_the_first_name_wins() -> None:
    alpha, beta = (Carrier(name, "X", None, (PriceStep(10, Decimal(1)),)) for name in ("alpha", "beta"))

    assert cheapest_quote([beta, alpha], "DE", 1) == Quote(alpha, Decimal(1))


@given(offers=st.lists(carriers, max_size=5), country=st.sampled_from(["DE", "FR", "US"]), grams=st.integers(1, 1_100))
def test_nobody_who_takes_the_parcel_is_cheaper(offers: list[Carrier], country: str, grams: int) -> None:
    affordable = [
        step.cost
        for carrier in offers
        for step in carrier.steps
        if (carrier.countries is None or country in carrier.countries) and grams <= step.up_to_grams
    ]

    if affordable:
        assert cheapest_quote(offers, country, grams).cost == min(affordable)
    else:
        with pytest.raises(Rejection, match="no carrier"):
            cheapest_quote(offers, country, grams)


def test_the_identities_of_a_shipment_follow_from_its_order() -> None:
    quote = Quote(POST, Decimal("4.90"))

    shipment = arrange("order-7", quote, NOON)

    assert shipment == arrange("order-7", quote, NOON)
    assert shipment.shipment_id != arrange("order-8", quote, NOON).shipment_id
    assert shipment.tracking_number != arrange("order-8", quote, NOON).tracking_number
    assert (shipment.carrier, shipment.cost, shipment.state) == ("Swift Post", Decimal("4.90"), ShipmentState.ARRANGED)


@given(order_id=st.text(min_size=1, max_size=100))
def test_a_tracking_number_is_the_prefix_and_sixteen_digits(order_id: str) -> None:
    number = tracking_number("SP", shipment_id(order_id))

    assert number.startswith("SP")
    assert len(number) == 18
    assert number[2:].isdecimal()
