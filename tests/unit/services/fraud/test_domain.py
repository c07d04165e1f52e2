from __future__ import annotations

from decimal import Decimal

import pytest

from services.fraud.domain import HIGH_VELOCITY, Assessment, Order, assess


def order(amount: str = "100", shipping_country: str = "DE", recent_orders: int = 0) -> Order:
    return Order(Decimal(amount), "DE", shipping_country, recent_orders)


@pytest.mark.parametrize(
    ("placed", "assessment", "declined"),
    [
        (order(), Assessment(0, ()), False),
        (order("5000"), Assessment(0, ()), False),
        (order("5000.01"), Assessment(40, ("AMOUNT_HIGH",)), False),
        (order("18900"), Assessment(40, ("AMOUNT_HIGH",)), False),
        (order("50000.01"), Assessment(100, ("AMOUNT_EXTREME", "AMOUNT_HIGH")), True),
        (order(shipping_country="FR"), Assessment(30, ("COUNTRY_MISMATCH",)), False),
        (order("5001", "FR"), Assessment(70, ("AMOUNT_HIGH", "COUNTRY_MISMATCH")), True),
        (order(recent_orders=HIGH_VELOCITY - 1), Assessment(0, ()), False),
        (order(recent_orders=HIGH_VELOCITY), Assessment(30, ("VELOCITY_HIGH",)), False),
        (order("5001", recent_orders=HIGH_VELOCITY), Assessment(70, ("AMOUNT_HIGH", "VELOCITY_HIGH")), True),
    ],
)
def test_an_order_is_scored_by_the_table(placed: Order, assessment: Assessment, declined: bool) -> None:
    assert assess(placed) == assessment
    assert assessment.declined is declined


def test_the_score_ends_at_a_hundred() -> None:
    assert assess(order("60000", "FR", HIGH_VELOCITY)).score == 100
