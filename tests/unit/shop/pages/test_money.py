"""Amounts of money, as a page shows them."""

from __future__ import annotations

import pytest
from google.type.money_pb2 import Money

from orchestrator.shop.pages.money import shown, total

EURO = "€\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("money", "pieces", "told"),
    [
        (Money(currency_code="EUR", units=9, nanos=500_000_000), 1, f"{EURO}9.50"),
        (Money(currency_code="EUR", units=9, nanos=500_000_000), 1000, f"{EURO}9,500.00"),
        (Money(currency_code="EUR", units=18_900), 1, f"{EURO}18,900.00"),
        (Money(currency_code="CHF", units=1, nanos=5_000_000), 2, "CHF\N{NO-BREAK SPACE}2.01"),
    ],
)
def test_an_amount_is_shown_in_cents_with_its_currency(money: Money, pieces: int, told: str) -> None:
    assert shown(money, pieces) == told


def test_amounts_are_added_exactly() -> None:
    cent = Money(currency_code="EUR", nanos=10_000_000)
    assert total([(cent, 3), (Money(currency_code="EUR", units=1, nanos=990_000_000), 1)]) == f"{EURO}2.02"
    assert total([]) == ""
