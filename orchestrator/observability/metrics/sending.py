"""Sends the metrics to a collector, from a thread of its own: the SDK's exporter, each ``OTEL_METRIC_EXPORT_INTERVAL``.

The SDK's own reader takes metrics from the SDK's instruments alone, which cost the hot path too much: see
:mod:`~orchestrator.observability.metrics.tallies`.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import urlparse

from opentelemetry.exporter.otlp.proto.grpc.exporter import InvalidCompressionValueException
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricExportResult

from orchestrator.contract.addresses import channel_options
from orchestrator.errors import SettingsError
from orchestrator.observability.environment import export_interval, metrics_collector, wants_delta
from orchestrator.observability.metrics.points import Points
from orchestrator.observability.words import LastWords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.resources import Resource

    from orchestrator.observability.metrics.measured import Measured
    from orchestrator.observability.metrics.tallies import Tallies

_log = logging.getLogger(__name__)

_CLOSE_SECONDS: Final = 3.0


class MetricSender:
    """Sends metrics until it is closed.

    Args:
        exporter: the way to the collector.
        points: makes the metrics.
        measured: the replica.
        interval: seconds between two times.
    """

    def __init__(self, exporter: MetricExporter, points: Points, measured: Measured, interval: float) -> None:
        self._exporter = exporter
        self._points = points
        self._measured = measured
        self._interval = interval
        self._words = LastWords()
        self._losing = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metric-sending", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send what there is, for a few seconds at most, and end. Blocks."""
        self._closing.set()
        self._thread.join(_CLOSE_SECONDS)
        self._exporter.shutdown()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._closing.wait(self._interval)
            self._report(self._send())

    def _send(self) -> str:
        """Why the metrics did not arrive; empty where they did."""
        try:
            with self._words.heard():
                result = self._exporter.export(self._points.metrics(self._measured.read()))
        except Exception as error:  # noqa: BLE001 - no exception of the SDK may end the thread that sends
            return repr(error)
        return "" if result is MetricExportResult.SUCCESS else self._words.last

    def _report(self, problem: str) -> None:
        """Log when metrics begin to be lost, and when they arrive again."""
        if problem and not self._losing:
            _log.warning("metrics do not reach the collector: %s", problem)
        elif self._losing and not problem:
            _log.warning("metrics reach the collector again")
        self._losing = bool(problem)


def open_sender(tallies: Tallies, resource: Resource, measured: Measured, environ: Mapping[str, str]) -> MetricSender:
    """A sender to the collector that the ``OTEL_*`` variables name.

    Raises:
        SettingsError: one of those variables cannot be understood.
    """
    interval = export_interval(environ)
    try:
        exporter = OTLPMetricExporter(channel_options=_channel_options(os.environ))  # type: ignore[arg-type]  # numbers are options too
    except (ValueError, InvalidCompressionValueException) as error:
        raise SettingsError(f"OTEL_EXPORTER_OTLP_*: {error}") from None
    return MetricSender(exporter, Points(tallies, resource, delta=wants_delta(environ)), measured, interval)


def _channel_options(environ: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """The options of the channel to the collector."""
    endpoint = metrics_collector(environ)
    return channel_options(urlparse(endpoint).netloc or endpoint)
