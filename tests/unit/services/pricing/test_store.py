from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from services.pricing.domain import ListPrice, QuantityBreak
from services.pricing.store import PRICES, coupons, price_list, tax_percent

if TYPE_CHECKING:
    from sqlalchemy import Connection


def test_the_price_list_knows_prices_and_quantity_breaks(connection: Connection) -> None:
    prices = price_list(connection, ["MUG-BLUE", "PIANO-GRAND", "GHOST"])

    assert prices["PIANO-GRAND"] == ListPrice(Decimal("18900.00"))
    assert prices["MUG-BLUE"].unit_price == Decimal("9.50")
    assert set(prices["MUG-BLUE"].breaks) == {QuantityBreak(10, Decimal(5)), QuantityBreak(50, Decimal(10))}
    assert "GHOST" not in prices


def test_coupons_take_a_percentage_or_an_amount_off(connection: Connection) -> None:
    found = coupons(connection, ["WELCOME10", "FIVER", "GHOST"])

    assert set(found) == {"WELCOME10", "FIVER"}
    assert (found["WELCOME10"].percent, found["WELCOME10"].amount) == (Decimal(10), Decimal(0))
    assert (found["FIVER"].percent, found["FIVER"].amount) == (Decimal(0), Decimal("5.00"))


def test_the_expiry_of_a_coupon_comes_back_as_an_aware_instant(connection: Connection) -> None:
    expires_at = coupons(connection, ["EXPIRED"])["EXPIRED"].expires_at

    assert expires_at is not None
    assert expires_at.isoformat() == "2020-01-01T00:00:00+00:00"


def test_no_codes_are_no_coupons(connection: Connection) -> None:
    assert coupons(connection, []) == {}


@pytest.mark.parametrize(("country", "percent"), [("DE", "19"), ("CH", "8.1"), ("FI", "25.5"), ("US", "0")])
def test_each_country_has_its_tax(connection: Connection, country: str, percent: str) -> None:
    assert tax_percent(connection, country) == Decimal(percent)


def test_an_export_to_a_country_that_is_not_listed_is_not_taxed(connection: Connection) -> None:
    assert tax_percent(connection, "JP") == 0


def test_a_price_cannot_be_negative(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match="prices_cents"):
        connection.execute(insert(PRICES).values(sku="BRIBE", cents=-1))
