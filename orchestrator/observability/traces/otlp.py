"""The way to the collector: the SDK's OTLP exporter, with spans that are serialized already.

The SDK reads endpoint, headers, certificates, compression, timeout and retries from its ``OTEL_*`` variables. Only its
step that translates spans is replaced here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext

from orchestrator.contract.addresses import channel_options
from orchestrator.observability import names
from orchestrator.observability.environment import collector
from orchestrator.observability.traces.wire import spans_of_scope
from orchestrator.observability.words import LastWords

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.resources import Resource


class OtlpExporter:
    """Sends spans, under one resource, to the collector that the ``OTEL_EXPORTER_OTLP_*`` variables name."""

    def __init__(self, resource: Resource) -> None:
        self._exporter = _Translated(_envelope(resource))
        self._words = LastWords()

    def send(self, spans: Sequence[bytes]) -> str:
        """Deliver them, with the SDK's retries; empty, or why that failed."""
        try:
            with self._words.heard():
                result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - no exception of the SDK may end the thread that sends
            return repr(error)
        return "" if result is SpanExportResult.SUCCESS else self._words.last

    def shut(self) -> None:
        """Give up the delivery that is under way."""
        self._exporter.shutdown()


class _Translated(OTLPSpanExporter):
    """The SDK's exporter, for spans that need no translation."""

    def __init__(self, envelope: ExportTraceServiceRequest) -> None:
        super().__init__(channel_options=_channel_options(os.environ))  # type: ignore[arg-type]  # numbers are options too
        self._envelope = envelope

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        return super().export(spans)

    def _translate_data(self, data: Sequence[Any]) -> ExportTraceServiceRequest:
        request = ExportTraceServiceRequest()
        request.CopyFrom(self._envelope)
        request.resource_spans[0].scope_spans[0].MergeFromString(spans_of_scope(data))
        return request


def _channel_options(environ: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """The options of the channel to the collector."""
    endpoint = collector(environ)
    return channel_options(urlparse(endpoint).netloc or endpoint)


def _envelope(resource: Resource) -> ExportTraceServiceRequest:
    """A request without spans, made by the SDK's encoder, which knows every kind of value in a resource."""
    nobody = SpanContext(trace_id=0, span_id=0, is_remote=False)
    sample = ReadableSpan("", nobody, resource=resource, instrumentation_scope=InstrumentationScope(names.SCOPE))
    request = encode_spans([sample])
    del request.resource_spans[0].scope_spans[0].spans[:]
    return request
