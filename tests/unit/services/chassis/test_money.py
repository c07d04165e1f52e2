from __future__ import annotations

from decimal import Decimal

import pytest
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import InvalidRequest
from services.chassis.money import LARGEST_UNITS, NANOS, decimal_of, money_of, money_of_decimal, nanos_of

AMOUNTS = st.integers(min_value=-LARGEST_UNITS * NANOS + 1, max_value=LARGEST_UNITS * NANOS - 1)


@given(AMOUNTS)
def test_an_amount_survives_the_wire_exactly(nanos: int) -> None:
    assert nanos_of(money_of(nanos)) == nanos
    assert money_of_decimal(decimal_of(money_of(nanos))) == money_of(nanos)


@given(AMOUNTS)
def test_units_and_nanos_never_differ_in_sign(nanos: int) -> None:
    money = money_of(nanos)
    assert money.units * money.nanos >= 0
    assert abs(money.nanos) < NANOS


def test_a_decimal_is_in_units_of_the_currency() -> None:
    assert decimal_of(Money(currency_code="EUR", units=9, nanos=500_000_000)) == Decimal("9.50")


def test_a_decimal_finer_than_a_nano_must_be_rounded_first() -> None:
    with pytest.raises(ValueError, match="finer"):
        money_of_decimal(Decimal("0.0000000001"))


@pytest.mark.parametrize(
    ("money", "field"),
    [
        (Money(units=1), "total.currency_code"),
        (Money(currency_code="USD", units=1), "total.currency_code"),
        (Money(currency_code="EUR", nanos=NANOS), "total.nanos"),
        (Money(currency_code="EUR", units=1, nanos=-1), "total.nanos"),
        (Money(currency_code="EUR", units=LARGEST_UNITS), "total.units"),
        (Money(currency_code="EUR", units=-(2**63)), "total.units"),
    ],
)
def test_invalid_money_is_refused_with_its_field(money: Money, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        nanos_of(money, field="total")
    assert caught.value.violations[0][0] == field
