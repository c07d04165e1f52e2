"""Amounts of money, as a page shows them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from google.type.money_pb2 import Money

_SIGNS: Final = {"EUR": "€"}
_NANOS: Final = Decimal(1_000_000_000)
_CENT: Final = Decimal("0.01")


def shown(money: Money, pieces: int = 1) -> str:
    """So many times an amount, such as ``€ 1,234.50``, rounded to cents; it is not broken between two lines."""
    amount = ((Decimal(money.units) + Decimal(money.nanos) / _NANOS) * pieces).quantize(_CENT)
    return f"{_SIGNS.get(money.currency_code, money.currency_code)}\N{NO-BREAK SPACE}{amount:,}"


def total(amounts: list[tuple[Money, int]]) -> str:
    """The sum of amounts of one currency, each so many times; empty where there are none."""
    if not amounts:
        return ""
    nanos = sum((money.units * 1_000_000_000 + money.nanos) * pieces for money, pieces in amounts)
    first = amounts[0][0]
    return shown(type(first)(currency_code=first.currency_code, units=nanos // 10**9, nanos=nanos % 10**9))
