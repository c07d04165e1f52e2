"""The rules by which an order is scored.

| rule                 | holds when                                                  | points |
|----------------------|-------------------------------------------------------------|--------|
| ``AMOUNT_EXTREME``   | more than 50,000 EUR are at stake                           | 60     |
| ``AMOUNT_HIGH``      | more than 5,000 EUR are at stake                            | 40     |
| ``COUNTRY_MISMATCH`` | the card's country is not the parcel's                      | 30     |
| ``VELOCITY_HIGH``    | the customer placed more than 1,000 orders in the last hour | 30     |

The points add up, to 100 at most; 70 and more is declined. So nothing but an extreme amount declines an order
by itself (it is also high): a grand piano for 18,900 EUR passes, unless its card is from abroad.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

HIGH_AMOUNT: Final = Decimal(5_000)
EXTREME_AMOUNT: Final = Decimal(50_000)
HIGH_VELOCITY: Final = 1_000
VELOCITY_WINDOW: Final = timedelta(hours=1)
DECLINED_FROM: Final = 70
HIGHEST_SCORE: Final = 100


@dataclass(frozen=True, slots=True)
class Order:
    """What the rules look at.

    Attributes:
        amount: what is at stake, in EUR.
        billing_country: the country of the card, ISO 3166-1 alpha-2.
        shipping_country: the country of the parcel, ISO 3166-1 alpha-2.
        recent_orders: the customer's other orders within ``VELOCITY_WINDOW``; counting may stop at
            ``HIGH_VELOCITY``.
    """

    amount: Decimal
    billing_country: str
    shipping_country: str
    recent_orders: int


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the rules say.

    Attributes:
        score: from 0 (harmless) to 100.
        reasons: the rules that added to it.
    """

    score: int
    reasons: tuple[str, ...]

    @property
    def declined(self) -> bool:
        """Whether the order is too risky."""
        return self.score >= DECLINED_FROM


_RULES: Final[tuple[tuple[str, int, Callable[[Order], bool]], ...]] = (
    ("AMOUNT_EXTREME", 60, lambda order: order.amount > EXTREME_AMOUNT),
    ("AMOUNT_HIGH", 40, lambda order: order.amount > HIGH_AMOUNT),
    ("COUNTRY_MISMATCH", 30, lambda order: order.billing_country != order.shipping_country),
    ("VELOCITY_HIGH", 30, lambda order: order.recent_orders >= HIGH_VELOCITY),
)


def assess(order: Order) -> Assessment:
    """Score an order."""
    broken = [(name, points) for name, points, holds in _RULES if holds(order)]
    score = min(sum(points for _, points in broken), HIGHEST_SCORE)
    return Assessment(score, tuple(name for name, _ in broken))
