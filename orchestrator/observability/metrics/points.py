"""From what was counted, and from a reading of the replica, to metrics as the SDK's exporters take them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from orchestrator.observability import names
from orchestrator.observability.metrics.gauges import gauges_of
from orchestrator.observability.metrics.instruments import INSTRUMENTS, Instrument, Kind
from orchestrator.observability.metrics.tallies import Differences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.resources import Resource

    from orchestrator.observability.metrics.tallies import Attributes, Series, Tallies
    from orchestrator.ports.readings import Reading

_NO_SCHEMA: Final = ""
_NONE: Final[tuple[Any, Any]] = (None, None)
"""The least and the greatest value of a histogram, which nobody counts: they would be those of all time."""


class Points:
    """Makes the metrics of one process, for one reader of them.

    Args:
        tallies: what was counted.
        resource: what the process is.
        delta: tell only what has come since the last time, and not since the beginning.
    """

    def __init__(self, tallies: Tallies, resource: Resource, *, delta: bool = False) -> None:
        self._tallies = tallies
        self._resource = resource
        self._differences = Differences() if delta else None
        self._temporality = AggregationTemporality.DELTA if delta else AggregationTemporality.CUMULATIVE
        self._since = tallies.began_at

    def metrics(self, reading: Reading | None) -> MetricsData:
        """All metrics that have a value now.

        Args:
            reading: the replica as it is now; ``None`` where it cannot be read.
        """
        now = time.time_ns()
        gauges: Mapping[str, Mapping[Attributes, float]] = {}
        if reading is not None:
            gauges = gauges_of(reading)
            self._tallies.note(names.CLAIMS_LOST, reading.claims_lost)
        metrics = [
            metric
            for instrument in INSTRUMENTS
            if (metric := self._metric(instrument, gauges.get(instrument.name, {}), now)) is not None
        ]
        if self._differences is not None:
            self._since = now
        scope = ScopeMetrics(InstrumentationScope(names.SCOPE), metrics, _NO_SCHEMA)
        return MetricsData([ResourceMetrics(self._resource, [scope], _NO_SCHEMA)])

    def _metric(self, instrument: Instrument, gauge: Mapping[Attributes, float], now: int) -> Metric | None:
        """One metric; ``None`` where it has no value yet."""
        name = instrument.name
        data: Sum | Gauge | Histogram
        match instrument.kind:
            case Kind.GAUGE:
                data = Gauge([NumberDataPoint(dict(about), 0, now, value) for about, value in gauge.items()])
            case Kind.COUNTER:
                points = [
                    NumberDataPoint(dict(about), self._since, now, number)
                    for about, (number,) in self._series(name).items()
                ]
                data = Sum(points, self._temporality, is_monotonic=True)
            case Kind.HISTOGRAM:
                spread = [
                    HistogramDataPoint(
                        dict(about),
                        self._since,
                        now,
                        int(sum(counts)),
                        total,
                        [int(count) for count in counts],
                        instrument.bounds,
                        *_NONE,
                    )
                    for about, (total, *counts) in self._series(name).items()
                ]
                data = Histogram(spread, self._temporality)
        return Metric(name, instrument.about, instrument.unit, data) if data.data_points else None

    def _series(self, name: str) -> Series:
        series = self._tallies.series(name)
        return series if self._differences is None else self._differences.since_last(name, series)
