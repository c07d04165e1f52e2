"""Metrics that are sent to a collector, as the OTEL_* variables say."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.resources import Resource

from orchestrator.errors import SettingsError
from orchestrator.journal.entries import Entry, SagaCompleted, SagaStarted
from orchestrator.journal.fold import fold
from orchestrator.journal.state import Status
from orchestrator.observability import open_observability
from orchestrator.observability.metrics.measured import Measured
from orchestrator.observability.metrics.measuring import MeasuringObserver
from orchestrator.observability.metrics.points import Points
from orchestrator.observability.metrics.sending import MetricSender
from orchestrator.observability.metrics.tallies import Tallies
from orchestrator.ports.catalogue import SagaCount
from orchestrator.ports.outbox import SinkRecord
from orchestrator.ports.readings import ParticipantReading, Reading
from orchestrator.shop.demo.otlp import Collector, attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.metrics.export import MetricsData

    from orchestrator.observability import ClosableObserver

SECOND = 1_000_000_000
ENTRIES: list[Entry] = [SagaStarted(SECOND, "place_order", 1, b""), SagaCompleted(3 * SECOND, b"")]
PATIENCE = 30


class Replica:
    """A replica that looks as a test wants; it may fail to be read."""

    definitions: Sequence[str] = ("place_order",)

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem

    async def read(self) -> Reading:
        if self.problem is not None:
            raise self.problem
        return Reading(
            read_at=100 * SECOND,
            live={"place_order": 7},
            recovering=3,
            claims_lost=2,
            participants=[ParticipantReading("shop.payment.v1.PaymentService", 5, 6, 40 * SECOND)],
            open=[SagaCount("place_order", Status.SUSPENDED, 4, 10 * SECOND)],
            queued={"place_order": 9},
            unclaimed={"place_order": 1},
            sinks=[SinkRecord("billing", 5, "replica-1", 0, 8, 60 * SECOND, 2, 1, 70 * SECOND, "500")],
        )


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def environ(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a process that measures, and does not trace; the SDK reads part of it by itself."""
    environment = {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": collector.endpoint,
        "OTEL_SERVICE_NAME": "orders",
        "OTEL_METRIC_EXPORT_INTERVAL": "60000",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


def values(collector: Collector, name: str) -> dict[str, float]:
    """The points of the latest gauge or counter of this name, each by the values of its attributes."""
    metric = collector.metrics.latest[name]
    points = metric.gauge.data_points or metric.sum.data_points
    return {
        "/".join(map(str, attributes(point.attributes).values())): point.as_double or point.as_int for point in points
    }


async def measured(environ: dict[str, str], replica: Replica | None = None) -> ClosableObserver:
    observer = open_observability(environ)
    assert isinstance(observer, MeasuringObserver)
    observer.measure(replica or Replica())
    return observer


async def test_a_collector_is_sent_what_was_counted_and_what_is_read(
    collector: Collector, environ: dict[str, str]
) -> None:
    observer = await measured(environ)
    assert not observer.samples("order-1", ""), "no trace is asked for"
    observer.journalled(fold("order-1", ENTRIES), ENTRIES)
    assert observer.committed is not None
    observer.committed(3, 0.02)
    assert await observer.close()

    (request,) = collector.metrics.requests
    assert attributes(request.resource_metrics[0].resource.attributes)["service.name"] == "orders"
    assert values(collector, "saga.started") == {"place_order": 1}
    told = {"behind": 8, "lag": 40, "failing_duration": 30, "blocked": 2, "dead_letters": 1}
    for name, value in told.items():
        assert values(collector, f"saga.events.{name}") == {"billing": value}
    assert values(collector, "saga.ended")["place_order/completed"] == 1
    assert values(collector, "saga.live") == {"place_order": 7}
    assert values(collector, "saga.open")["place_order/suspended"] == 4
    assert values(collector, "saga.oldest.age")["place_order/suspended"] == 90
    assert values(collector, "saga.circuit.open_duration") == {"shop.payment.v1.PaymentService": 60}
    assert values(collector, "saga.lost_claims") == {"": 2}
    (point,) = collector.metrics.latest["saga.journal.commit.duration"].histogram.data_points
    assert (point.count, point.sum) == (1, 0.02)
    assert list(point.explicit_bounds)[:2] == [0.001, 0.0025]
    assert list(point.bucket_counts)[4] == 1, "within 0.025 s"
    assert not point.HasField("min")
    assert collector.metrics.latest["saga.journal.commit.duration"].unit == "s"
    assert not collector.spans


async def test_a_collector_can_be_told_differences(collector: Collector, environ: dict[str, str]) -> None:
    environ = {
        **environ,
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        "OTEL_METRIC_EXPORT_INTERVAL": "50",
    }
    observer = await measured(environ)
    observer.journalled(fold("order-1", ENTRIES), ENTRIES)
    await asyncio.to_thread(collector.metrics.wait_for, 3, PATIENCE)
    await observer.close()

    started = [
        point.as_int
        for request in collector.metrics.requests
        for metric in request.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "saga.started"
        for point in metric.sum.data_points
    ]
    assert sum(started) == 1
    assert len(started) >= 3


async def test_a_replica_that_cannot_be_read_leaves_its_figures_out_and_harms_no_other(
    collector: Collector, environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    observer = await measured(environ, Replica(ValueError("nobody thought of that")))
    await observer.close()

    assert "saga.live" not in collector.metrics.latest
    assert "saga.started" in collector.metrics.latest
    assert caplog.messages == ["the replica cannot be read: its figures are left out"]


class Wayward(MetricExporter):
    """A way to a collector that is away twice, and then there."""

    def __init__(self) -> None:
        super().__init__()
        self.results = [MetricExportResult.FAILURE, MetricExportResult.FAILURE]
        self.arrived = threading.Event()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 0, **_: object) -> MetricExportResult:  # noqa: ARG002 - the SDK's
        if self.results:
            return self.results.pop()
        self.arrived.set()
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 0) -> bool:  # noqa: ARG002 - the SDK's
        return True

    def shutdown(self, timeout_millis: float = 0, **_: object) -> None:
        """Nothing is open."""


def test_a_collector_that_is_away_is_mentioned_once_and_once_more_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exporter = Wayward()
    points = Points(Tallies(SECOND), Resource.get_empty())
    sender = MetricSender(exporter, points, Measured(), interval=0.001)
    assert exporter.arrived.wait(PATIENCE)
    sender.close()
    assert caplog.messages == ["metrics do not reach the collector: refused", "metrics reach the collector again"]


async def test_a_collector_that_is_away_does_not_delay_the_end(environ: dict[str, str], collector: Collector) -> None:
    collector.stop()
    observer = await measured(environ)
    async with asyncio.timeout(PATIENCE):
        await observer.close()


@pytest.mark.parametrize("interval", ["0", "-5", "soon"])
def test_an_interval_that_cannot_be_understood_is_named(environ: dict[str, str], interval: str) -> None:
    with pytest.raises(SettingsError, match="OTEL_METRIC_EXPORT_INTERVAL"):
        open_observability({**environ, "OTEL_METRIC_EXPORT_INTERVAL": interval})
