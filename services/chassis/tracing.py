"""Spans over OTLP: the only importer of OpenTelemetry in the services.

One SERVER span per call, and one CONSUMER span per event and attempt, made by hand at one place: OpenTelemetry's own
instrumentation costs more than a whole call of ours. Endpoint, sampling, headers and batching are the SDK's, and so are
their ``OTEL_*`` variables.
"""

import asyncio
import os
import re
import threading
import time
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlparse

import grpc
from google.protobuf.message import Message
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from orchestrator.participant.metadata import CallMetadata
from services.chassis.arrivals import Way
from services.chassis.calls import TRACEPARENT
from services.chassis.event import Event

# Attributes.
RPC_SYSTEM: Final = "rpc.system.name"
RPC_METHOD: Final = "rpc.method"
RPC_STATUS: Final = "rpc.response.status_code"
ERROR_TYPE: Final = "error.type"
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_OPERATION: Final = "messaging.operation.type"
MESSAGING_GROUP: Final = "messaging.consumer.group.name"
MESSAGE_ID: Final = "messaging.message.id"
EVENT_SOURCE: Final = "cloudevents.event_source"
EVENT_TYPE: Final = "cloudevents.event_type"
EVENT_SUBJECT: Final = "cloudevents.event_subject"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ORDER_ID: Final = "shop.order.id"
SAGA_ID: Final = "saga.id"
IDEMPOTENCY_KEY: Final = "saga.idempotency_key"

# The codes that the semantic conventions count as a server's failure; the other codes inform the caller.
_FAILURES: Final = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_FLUSH_SECONDS: Final = 3.0
_DISTRIBUTION: Final = "saga-orchestrator"
_SHORTEST_NANOSECONDS: Final = 1_000  # less counts as a negative duration to some backends
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_LOOPBACK: Final = re.compile(r"localhost|127(\.\d+){3}|::1", re.IGNORECASE)


class OtlpSpan:
    """One call under way, as an OpenTelemetry span."""

    __slots__ = ("_began", "_span", "_started_at", "span_id", "trace_id")

    def __init__(self, span: trace.Span, started_at: int) -> None:
        self._span = span
        context = span.get_span_context()
        self.trace_id = trace.format_trace_id(context.trace_id)
        self.span_id = trace.format_span_id(context.span_id)
        self._started_at = started_at
        self._began = time.monotonic_ns()

    def end(self, code: grpc.StatusCode, error: BaseException | None = None) -> None:
        """End the span with the call's status."""
        self._span.set_attribute(RPC_STATUS, code.name)
        if error is not None:
            self._span.record_exception(error)
        if code in _FAILURES:
            self._span.set_attribute(ERROR_TYPE, code.name)
            self._span.set_status(trace.StatusCode.ERROR, code.name)
        # The clock of the machine may be set back during the call.
        took = max(time.monotonic_ns() - self._began, _SHORTEST_NANOSECONDS)
        self._span.end(self._started_at + took)


class OtlpTracing:
    """Sends a span of every call to the collector that ``OTEL_EXPORTER_OTLP_ENDPOINT`` names.

    Args:
        name: the service's name, unless ``OTEL_SERVICE_NAME`` states another.
        contract: the full name of the gRPC service.
        host: where the service is told to listen for gRPC.
        port: that port; 0 where the system chose one.
    """

    def __init__(self, name: str, contract: str, host: str, port: int) -> None:
        self._contract = contract
        self._where = {SERVER_ADDRESS: host, SERVER_PORT: port}
        self._provider = TracerProvider(resource=_resource(name), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(channel_options=_channel_options())))
        self._tracer = self._provider.get_tracer(__name__)

    def start(self, method: str, request: Message, metadata: CallMetadata, way: Way) -> OtlpSpan:
        """Start the span of a call, as a child of the caller's."""
        known: dict[str, Any] = {
            RPC_SYSTEM: way.value,
            RPC_METHOD: f"{self._contract}/{method}",
            **(self._where if way is Way.GRPC else {}),
            ORDER_ID: getattr(request, "order_id", None),
            SAGA_ID: metadata.saga_id,
            IDEMPOTENCY_KEY: metadata.idempotency_key,
        }
        started_at = time.time_ns()
        span = self._tracer.start_span(
            f"{self._contract}/{method}",
            context=_parent(metadata.traceparent),
            kind=trace.SpanKind.SERVER,
            start_time=started_at,
            attributes={name: value for name, value in known.items() if value},
        )
        return OtlpSpan(span, started_at)

    def hear(self, event: Event, subscription: str) -> OtlpSpan:
        """Start the span of an event that is handled, as a child of the span in which it was published."""
        known: dict[str, Any] = {
            MESSAGING_SYSTEM: "nats",
            MESSAGING_OPERATION: "process",
            MESSAGING_GROUP: subscription,
            MESSAGE_ID: event.id,
            EVENT_SOURCE: event.source,
            EVENT_TYPE: event.type,
            EVENT_SUBJECT: event.subject,
        }
        started_at = time.time_ns()
        span = self._tracer.start_span(
            f"process {event.type}",
            context=_parent(event.traceparent),
            kind=trace.SpanKind.CONSUMER,
            start_time=started_at,
            attributes={name: value for name, value in known.items() if value},
        )
        return OtlpSpan(span, started_at)

    async def close(self) -> None:
        """Send the spans still held back; give up after a few seconds where the collector is away."""
        # The SDK retries for longer than a drain may take and cannot be told otherwise; a daemon thread can
        # be left behind.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, _FLUSH_SECONDS)


def _resource(name: str) -> Resource:
    # Attributes given to Resource.create win over the environment's, but the operator's choice should win.
    named = OTELResourceDetector().detect().attributes
    ours: dict[str, str] = {SERVICE_NAME: name, SERVICE_VERSION: str(version(_DISTRIBUTION))}
    return Resource.create({key: value for key, value in ours.items() if key not in named})


def _channel_options() -> Any:  # noqa: ANN401 - the exporter's annotation knows one option with a text
    """The channel's options: a collector on this machine is not reached through the proxy of ``http_proxy``."""
    endpoint = next(filter(None, (os.environ.get(name, "").strip() for name in _ENDPOINTS)), "")
    host = urlparse(endpoint if "//" in endpoint else f"//{endpoint}").hostname or ""
    return (("grpc.enable_http_proxy", 0),) if _LOOPBACK.fullmatch(host) else ()


def _parent(traceparent: str | None) -> Context:
    """The context of the caller's span; an empty one, which starts a new trace, where the caller sent none."""
    match = TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None:
        return Context()
    caller = trace.SpanContext(
        trace_id=int(match[1], 16),
        span_id=int(match[2], 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(match[3], 16)),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(caller), Context())
