"""What several measurements of the same thing amount to."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Spread(NamedTuple):
    """The median of some measurements, and the lowest and highest of them."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """That of these values, of which there is at least one."""
        known = list(values)
        return cls(statistics.median(known), min(known), max(known))


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest of the values that at least ``part`` of them (0 < part <= 1) do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(part * len(ordered)) - 1]
