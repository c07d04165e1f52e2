"""The rules of reports: which days they cover, and how a day's sales add up. Days are days in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True)
class Period:
    """The days from ``first`` to ``last``, both included.

    Raises:
        ValueError: the first day is after the last.
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"the first day, {self.first}, is after the last, {self.last}")


def period(first: date | None, last: date | None, *, today: date) -> Period:
    """The days to report: until today unless ``last`` is given, and only that last day unless ``first`` is.

    Raises:
        ValueError: the first day is after the last.
    """
    until = today if last is None else last
    return Period(until if first is None else first, until)


@dataclass(frozen=True, slots=True)
class DaySales:
    """What was sold on one day.

    Attributes:
        day: the day.
        orders: how many orders, at least one.
        totals: what was paid, in nanos by currency (ISO 4217), sorted by currency.
        products: how many pieces by sku, sorted by sku.
    """

    day: date
    orders: int
    totals: dict[str, int]
    products: dict[str, int]
