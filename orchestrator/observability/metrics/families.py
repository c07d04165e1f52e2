"""The metrics as Prometheus has them: its names, its labels, and its counts of all values within a bound."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from orchestrator.observability import names
from orchestrator.observability.metrics.gauges import gauges_of
from orchestrator.observability.metrics.instruments import INSTRUMENTS, Instrument, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.sdk.resources import Resource
    from prometheus_client.core import Metric

    from orchestrator.observability.metrics.measured import Measured
    from orchestrator.observability.metrics.tallies import Attributes, Tallies

_INFINITY: Final = "+Inf"


class Families(Collector):
    """What a registry of Prometheus asks for.

    Args:
        tallies: what was counted.
        resource: what the process is; told as ``target_info``, as OpenTelemetry says.
        measured: the replica.
    """

    def __init__(self, tallies: Tallies, resource: Resource, measured: Measured) -> None:
        self._tallies = tallies
        self._measured = measured
        about = {_word(name): str(value) for name, value in resource.attributes.items()}
        self._info = InfoMetricFamily("target", "What this process is.", value=about)

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked to find out what there would be."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every metric that has a value now. Blocks until the replica was read."""
        reading = self._measured.read()
        gauges: Mapping[str, Mapping[Attributes, float]] = {}
        if reading is not None:
            gauges = gauges_of(reading)
            self._tallies.note(names.CLAIMS_LOST, reading.claims_lost)
        yield self._info
        for instrument in INSTRUMENTS:
            family = self._family(instrument, gauges.get(instrument.name, {}))
            if family.samples:
                yield family

    def _family(self, instrument: Instrument, gauge: Mapping[Attributes, float]) -> Metric:
        name, labels = prometheus_name(instrument), [*map(_word, instrument.attributes)]
        match instrument.kind:
            case Kind.GAUGE:
                gauges = GaugeMetricFamily(name, instrument.about, labels=labels)
                for about, value in gauge.items():
                    gauges.add_metric(_values(instrument, about), value)
                return gauges
            case Kind.COUNTER:
                counters = CounterMetricFamily(name, instrument.about, labels=labels)
                for about, (number,) in self._tallies.series(instrument.name).items():
                    counters.add_metric(_values(instrument, about), number)
                return counters
            case Kind.HISTOGRAM:
                spreads = HistogramMetricFamily(name, instrument.about, labels=labels)
                bounds = [*map(str, instrument.bounds), _INFINITY]
                for about, (total, *counts) in self._tallies.series(instrument.name).items():
                    buckets = list(zip(bounds, accumulate(counts), strict=True))
                    spreads.add_metric(_values(instrument, about), buckets, total)
                return spreads


def prometheus_name(instrument: Instrument) -> str:
    """Its name at Prometheus, which adds ``_total`` to that of a counter, and ``_bucket`` and such to a histogram's."""
    suffix = {"s": "_seconds"}.get(instrument.unit, "")
    return _word(instrument.name) + suffix


def _values(instrument: Instrument, about: Attributes) -> list[str]:
    """The values of the labels, empty where the series has none."""
    known = dict(about)
    return [str(known.get(name, "")) for name in instrument.attributes]


def _word(name: str) -> str:
    """A name of OpenTelemetry's as one of Prometheus."""
    return name.replace(".", "_")
