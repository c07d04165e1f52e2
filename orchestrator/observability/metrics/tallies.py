"""What has been counted so far, and how that is added up: plain numbers, because the hot path adds to them.

The SDK's instruments take some microseconds for each value, and an order has dozens of them. Here, adding takes a
fraction of one. Only the loop's thread adds; another thread may read at any time, and finds each number as it is then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

from orchestrator.observability.metrics.instruments import BY_NAME, Kind

Attributes = tuple[tuple[str, str | int], ...]
"""Of one series: pairs of a name and a value, always in the same order."""

Series = Mapping[Attributes, tuple[float, ...]]
"""The values of a metric: of a counter its number, of a histogram the sum and then the number within each bound."""

_NANOSECONDS: Final = 1e9


class Distribution:
    """Values between bounds.

    Attributes:
        counts: how many values are within each bound; the last one's are beyond all.
        sum: of all values.
    """

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """One more value. A bound belongs to its bucket."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def add_span(self, began_at: int, ended_at: int) -> None:
        """One more span of time, between two instants in nanoseconds; 0 where a clock was set back between them."""
        seconds = (ended_at - began_at) / _NANOSECONDS if ended_at > began_at else 0.0
        self.counts[bisect_left(self._bounds, seconds)] += 1
        self.sum += seconds


class Tallies:
    """The counters and the histograms of one process.

    Attributes:
        began_at: since when they count, nanoseconds since the epoch, UTC.
    """

    def __init__(self, began_at: int) -> None:
        self.began_at = began_at
        self._counts: dict[str, dict[Attributes, int]] = {name: {} for name in _of_kind(Kind.COUNTER)}
        self._spreads: dict[str, dict[Attributes, Distribution]] = {name: {} for name in _of_kind(Kind.HISTOGRAM)}

    def count(self, name: str, attributes: Attributes = (), number: int = 1) -> None:
        """So many more; with 0, the series is there, so that its first value is seen to be new."""
        series = self._counts[name]
        series[attributes] = series.get(attributes, 0) + number

    def note(self, name: str, number: int) -> None:
        """Somebody else counts, and has come so far."""
        self._counts[name][()] = number

    def distribution(self, name: str, attributes: Attributes = ()) -> Distribution:
        """The values of one series, to add to."""
        series = self._spreads[name]
        found = series.get(attributes)
        if found is None:
            found = series[attributes] = Distribution(BY_NAME[name].bounds)
        return found

    def series(self, name: str) -> Series:
        """The series of a counter or a histogram, as they are now."""
        if name in self._counts:
            return {attributes: (number,) for attributes, number in self._counts[name].copy().items()}
        spreads = self._spreads[name].copy()
        return {attributes: (spread.sum, *spread.counts) for attributes, spread in spreads.items()}


class Differences:
    """What has come to each series since it was last asked for."""

    def __init__(self) -> None:
        self._before: dict[str, Series] = {}

    def since_last(self, name: str, series: Series) -> Series:
        """The same series, less what was there the last time."""
        before = self._before.get(name, {})
        self._before[name] = series
        return {
            attributes: tuple(now - then for now, then in zip(values, before[attributes], strict=True))
            if attributes in before
            else values
            for attributes, values in series.items()
        }


def _of_kind(kind: Kind) -> list[str]:
    return [name for name, instrument in BY_NAME.items() if instrument.kind is kind]
