"""The observer that traces: what became durable is projected at once, and sent by and by.

The projection runs where the entry was written. It takes a few microseconds for a span, which is less than handing the
entry to another thread would cost in waiting for the interpreter lock.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.exporter import InvalidCompressionValueException
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler

from orchestrator.engine.entries import SagaStarted
from orchestrator.engine.trace import parse_traceparent, trace_id
from orchestrator.errors import SettingsError
from orchestrator.observability import names
from orchestrator.observability.otlp import OtlpExporter
from orchestrator.observability.projection import SagaTrace
from orchestrator.observability.sending import Limits, SpanSender

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.engine.entries import Entry

_log = logging.getLogger(__name__)

_CLOSE_SECONDS: Final = 3.0
_HEX: Final = 16
_SAMPLED_FLAG: Final = trace.TraceFlags(trace.TraceFlags.SAMPLED)
_UNSAMPLED_FLAG: Final = trace.TraceFlags(trace.TraceFlags.DEFAULT)


class TracingObserver:
    """Keeps the trace of every saga that this process advances, and sends its spans.

    Args:
        sender: takes the spans; closed with this observer.
        sampler: decides once for each saga.
    """

    holds_back = True

    def __init__(self, sender: SpanSender, sampler: Sampler) -> None:
        self._sender = sender
        self._sampler = sampler
        # Those of sagas that another replica has taken away stay until this one recovers them: a few, and small.
        self._traces: dict[str, SagaTrace] = {}

    def samples(self, saga_id: str, traceparent: str) -> bool:
        """Whether the trace of a new saga is exported.

        As ``OTEL_TRACES_SAMPLER`` says; unless told otherwise that is as the caller decided, and always where there
        is no caller.
        """
        number = int(trace_id(saga_id, traceparent), _HEX)
        result = self._sampler.should_sample(_caller(traceparent), number, names.SAMPLED_SPAN)
        return result.decision is Decision.RECORD_AND_SAMPLE

    def journalled(self, saga_id: str, entries: Sequence[Entry]) -> None:
        """These entries of a saga are durable."""
        try:
            traced = self._traces.get(saga_id) or self._begin(saga_id, entries)
            if traced is None:
                return
            for entry in entries:
                if spans := traced.project(entry):
                    self._sender.add(spans)
            if traced.resting:
                del self._traces[saga_id]
        except Exception:  # noqa: BLE001 - a trace that breaks off is better than a saga that does
            _log.exception("saga %s: the rest of its trace is missing", saga_id)
            self._traces.pop(saga_id, None)

    def recovered(self, saga_id: str, entries: Sequence[Entry]) -> None:
        """A saga with these durable entries goes on in this process: its spans may have died with another one."""
        self._traces.pop(saga_id, None)
        self.journalled(saga_id, entries)

    async def close(self) -> None:
        """Send what is held back, for a few seconds at most."""
        await asyncio.to_thread(self._sender.close, _CLOSE_SECONDS)

    def _begin(self, saga_id: str, entries: Sequence[Entry]) -> SagaTrace | None:
        """The trace of a saga, from its first entry; ``None`` where it is not exported."""
        start = entries[0] if entries else None
        if not isinstance(start, SagaStarted) or not start.sampled:
            return None
        begun = self._traces[saga_id] = SagaTrace(saga_id, start)
        return begun


def open_tracing(environ: Mapping[str, str]) -> TracingObserver:
    """An observer that sends spans to the collector which the ``OTEL_*`` variables name.

    Raises:
        SettingsError: one of those variables cannot be understood.
    """
    limits = Limits.of(environ)
    # It traces nothing: it is the SDK's public way to the sampler that OTEL_TRACES_SAMPLER names.
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    try:
        exporter = OtlpExporter(provider.resource)
    except (ValueError, InvalidCompressionValueException) as error:
        raise SettingsError(f"OTEL_EXPORTER_OTLP_*: {error}") from None
    return TracingObserver(SpanSender(exporter, limits), provider.sampler)


def _resource() -> Resource:
    # What is given to Resource.create wins over the environment, and the operator's word should.
    named = SERVICE_NAME in OTELResourceDetector().detect().attributes
    return Resource.create({} if named else {SERVICE_NAME: names.SERVICE})


def _caller(traceparent: str) -> Context:
    """The context of the caller's span; an empty one where there is no caller."""
    caller = parse_traceparent(traceparent)
    if caller is None:
        return Context()
    span = trace.SpanContext(
        int(caller.trace_id, _HEX),
        int(caller.span_id, _HEX),
        is_remote=True,
        trace_flags=_SAMPLED_FLAG if caller.sampled else _UNSAMPLED_FLAG,
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(span), Context())
