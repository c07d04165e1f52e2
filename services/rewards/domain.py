"""The rule of points: one point for each whole euro paid; 12.99 EUR earn 12 points."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal


@dataclass(frozen=True, slots=True)
class Credit:
    """The points of one order, and the member's balance after it."""

    points: int
    balance: int


def points_for(total: Decimal) -> int:
    """The points of an order for which ``total``, not negative, was paid."""
    return int(total.to_integral_value(ROUND_FLOOR))
