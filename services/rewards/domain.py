"""The rule of points: one point for each whole unit of the currency paid.

12.99 EUR earn 12 points, 1000 JPY earn 1000: the rule counts units and knows no exchange rates.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal


def points_for(total: Decimal) -> int:
    """The points of an order of which ``total``, not negative, was paid."""
    return int(total.to_integral_value(ROUND_FLOOR))
