"""The port through which calls are traced, and the choice of its implementation.

A service whose operator asked for no traces imports no OpenTelemetry at all.
"""

import os
from collections.abc import Mapping
from typing import Final, Protocol

import grpc
from google.protobuf.message import Message

from orchestrator.participant.metadata import CallMetadata
from services.chassis.arrivals import Way
from services.chassis.calls import TRACEPARENT
from services.chassis.event import Event

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Span(Protocol):
    """One call under way.

    Attributes:
        trace_id: its trace, hexadecimal digits; empty where nobody traces it.
        span_id: its span, likewise.
    """

    trace_id: str
    span_id: str

    def end(self, code: grpc.StatusCode, error: BaseException | None = None) -> None:
        """The call was answered with ``code``; ``error`` is the unforeseen exception behind it, if any."""


class Tracing(Protocol):
    """Turns calls into spans."""

    def start(self, method: str, request: Message, metadata: CallMetadata, way: Way) -> Span:
        """A call of ``method`` (its short name) arrived this way."""

    def hear(self, event: Event, subscription: str) -> Span:
        """A subscription begins to handle an event."""

    async def close(self) -> None:
        """Hand over what is still held back, in bounded time."""


class Untraced:
    """Tracing that is switched off, and a span of it: that of the caller, if it has one."""

    def __init__(self, trace_id: str = "", span_id: str = "") -> None:
        self.trace_id = trace_id
        self.span_id = span_id

    def start(self, method: str, request: Message, metadata: CallMetadata, way: Way) -> Span:  # noqa: ARG002 - the port's
        """Nothing is recorded."""
        return self._below(metadata.traceparent)

    def hear(self, event: Event, subscription: str) -> Span:  # noqa: ARG002 - the port's
        """Nothing is recorded."""
        return self._below(event.traceparent)

    def _below(self, traceparent: str | None) -> "Untraced":
        caller = TRACEPARENT.fullmatch(traceparent or "")
        return self if caller is None else Untraced(caller[1], caller[2])

    def end(self, code: grpc.StatusCode, error: BaseException | None = None) -> None:
        """Nothing is recorded."""

    async def close(self) -> None:
        """Nothing is held back."""


def tracing_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the ``OTEL_*`` variables ask for traces: an endpoint is named and nothing switches them off."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(environment.get(name) for name in _ENDPOINTS)


def open_tracing(name: str, contract: str, host: str, port: int) -> Tracing:
    """The tracing that the environment asks for.

    Args:
        name: the service's name in settings and logs.
        contract: the full name of the gRPC service.
        host: where the service is told to listen.
        port: that port.
    """
    if not tracing_wanted(os.environ):
        return Untraced()
    from services.chassis.tracing import OtlpTracing  # noqa: PLC0415 - see the module's docstring

    return OtlpTracing(name, contract, host, port)
