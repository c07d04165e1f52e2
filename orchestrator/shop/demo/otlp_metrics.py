"""The part of the receiver that takes metrics."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

if TYPE_CHECKING:
    import grpc
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric


class ReceivedMetrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    """Keeps the metrics that processes send."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._requests: list[ExportMetricsServiceRequest] = []

    @property
    def requests(self) -> list[ExportMetricsServiceRequest]:
        """What was sent, in order; each as it came."""
        with self._arrived:
            return list(self._requests)

    @property
    def latest(self) -> dict[str, Metric]:
        """The metrics of the latest request, by name."""
        return {
            metric.name: metric
            for request in self.requests[-1:]
            for of_resource in request.resource_metrics
            for of_scope in of_resource.scope_metrics
            for metric in of_scope.metrics
        }

    def wait_for(self, number: int, timeout: float) -> None:
        """Wait until so many requests have arrived.

        Raises:
            TimeoutError: they have not within so many seconds.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._requests) >= number, timeout):
                raise TimeoutError(f"{len(self._requests)} requests have arrived within {timeout} s, not {number}")

    def Export(
        self, request: ExportMetricsServiceRequest, _context: grpc.ServicerContext
    ) -> ExportMetricsServiceResponse:
        """Keep what a process sends."""
        with self._arrived:
            self._requests.append(request)
            self._arrived.notify_all()
        return ExportMetricsServiceResponse()
