"""The observer that traces: durable entries are projected at once, and their spans are sent later, in batches.

The projection runs in the thread that wrote the entry. It takes a few microseconds for a span; handing the entry to
another thread would cost more, because that thread would wait for the interpreter lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.exporter import InvalidCompressionValueException
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler

from orchestrator.errors import SettingsError
from orchestrator.journal.entries import SagaStarted
from orchestrator.journal.logged import about_saga_id
from orchestrator.journal.trace_ids import parse_traceparent, trace_id
from orchestrator.observability import names
from orchestrator.observability.resource import resource_of_process
from orchestrator.observability.traces.otlp import OtlpExporter
from orchestrator.observability.traces.projection import NOWHERE, SagaTrace
from orchestrator.observability.traces.sending import Limits, SpanSender

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.readings import Readings

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
        addresses: ``host:port`` of the participants, by the full names of their services.

    Attributes:
        told_before: spans of entries before this instant were sent by an earlier process, for sagas that are recovered.
    """

    holds_back = True
    committed: Callable[[int, float], None] | None = None

    def __init__(self, sender: SpanSender, sampler: Sampler, addresses: Mapping[str, str] = NOWHERE) -> None:
        self._sender = sender
        self._sampler = sampler
        self._addresses = addresses
        self.told_before = 0
        # The trace of a saga that another replica took over stays until this one recovers it: these are few and small.
        self._traces: dict[str, SagaTrace] = {}

    def samples(self, saga_id: str, traceparent: str) -> bool:
        """Whether the trace of a new saga is exported.

        ``OTEL_TRACES_SAMPLER`` decides. By default the caller's decision is followed, and a saga without a caller is
        always traced.
        """
        number = int(trace_id(saga_id, traceparent), _HEX)
        result = self._sampler.should_sample(_caller(traceparent), number, names.SAMPLED_SPAN)
        return result.decision is Decision.RECORD_AND_SAMPLE

    def journalled(self, state: SagaState, entries: Sequence[Entry]) -> None:
        """These entries of a saga are durable."""
        self._project(state.saga_id, entries, 0)

    def measure(self, readings: Readings) -> None:
        """Nothing is measured."""

    def _project(self, saga_id: str, entries: Sequence[Entry], first: int, *, rests: bool = True) -> None:
        """Project the next entries of a saga, and send the spans from the ``first`` of them on.

        Args:
            saga_id: the saga.
            entries: the next ones.
            first: the number of the first entry whose spans no process has sent.
            rests: after an end or a suspension, nothing follows in this process.
        """
        try:
            traced = self._traces.get(saga_id) or self._begin(saga_id, entries)
            if traced is None:
                return
            for at, entry in enumerate(entries):
                if (spans := traced.project(entry)) and at >= first:
                    self._sender.add(spans)
            if rests and traced.resting:
                del self._traces[saga_id]
        except Exception:  # noqa: BLE001 - an incomplete trace is better than a broken saga
            _log.exception("saga %s: the rest of its trace is missing", saga_id, extra=about_saga_id(saga_id))
            self._traces.pop(saga_id, None)

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:
        """A saga with these durable entries goes on in this process: another process may have died with unsent spans.

        All entries are projected, because later entries depend on them. Only spans that no process has sent are sent.
        What follows the entries that this process has seen, it may have written itself, in a transaction whose answer
        was lost: then nobody else has sent the spans.
        """
        known = self._traces.pop(saga_id, None)
        if known is not None:
            first = known.projected
        else:
            first = next((at for at, entry in enumerate(entries) if entry.at >= self.told_before), len(entries))
        self._project(saga_id, entries, len(entries) if told else first, rests=not told)

    async def passed_on(self, seconds: float) -> None:
        """See :class:`~orchestrator.ports.observer.HoldingObserver`: the spans are sent at once."""
        loop = asyncio.get_running_loop()
        sent = asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # who asked may be gone
                loop.call_soon_threadsafe(sent.set)

        self._sender.send_now(tell)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await sent.wait()

    async def close(self) -> bool:
        """Send the spans that are held back, for a few seconds at most; whether all arrived."""
        return await asyncio.to_thread(self._sender.close, _CLOSE_SECONDS)

    def _begin(self, saga_id: str, entries: Sequence[Entry]) -> SagaTrace | None:
        """The trace of a saga, from its first entry; ``None`` where it is not exported."""
        start = entries[0] if entries else None
        if not isinstance(start, SagaStarted) or not start.sampled:
            return None
        begun = self._traces[saga_id] = SagaTrace(saga_id, start, self._addresses)
        return begun


def open_tracing(environ: Mapping[str, str], addresses: Mapping[str, str]) -> TracingObserver:
    """An observer that sends spans to the collector which the ``OTEL_*`` variables name.

    Raises:
        SettingsError: one of those variables cannot be understood.
    """
    limits = Limits.of(environ)
    # This provider traces nothing: it is the SDK's public way to the sampler that OTEL_TRACES_SAMPLER names.
    provider = TracerProvider(resource=resource_of_process(), shutdown_on_exit=False)
    try:
        exporter = OtlpExporter(provider.resource)
    except (ValueError, InvalidCompressionValueException) as error:
        raise SettingsError(f"OTEL_EXPORTER_OTLP_*: {error}") from None
    return TracingObserver(SpanSender(exporter, limits), provider.sampler, addresses)


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
