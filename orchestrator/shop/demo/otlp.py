"""A real OTLP receiver for tests and demonstrations: keeps what processes send, and draws their traces.

::

    with Collector() as collector:
        start_processes(env=os.environ | collector.environment)
        ...
        collector.wait_for(lambda spans: any(span.name == "saga place_order" for span in spans))
        for trace in collector.traces.values():
            assert len(roots(trace)) == 1 and not orphans(trace)
            rich.print(tree(trace))

A span that arrives twice is kept once, as tracing backends do; that the two did not differ can be asked of
:attr:`Collector.conflicts`.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.trace.v1 import trace_pb2
from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

from orchestrator.shop.demo.otlp_metrics import ReceivedMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Attributes = dict[str, Any]
Trace = tuple["Span", ...]
"""The spans of one trace, by their start."""

_PATIENCE_SECONDS = 30.0
_MILLISECOND = 1_000_000


@dataclass(frozen=True)
class Event:
    """What happened at one instant of a span, in nanoseconds since the epoch."""

    name: str
    at: int
    attributes: Attributes


@dataclass(frozen=True)
class Span:
    """A span as it arrived. Ids are hexadecimal, ``parent_id`` empty for a root; instants are nanoseconds.

    Attributes:
        service: ``service.name`` of the process that sent it.
        kind: ``INTERNAL``, ``SERVER``, ``CLIENT``, ``PRODUCER`` or ``CONSUMER``.
        failed: its status is ERROR; ``description`` says more.
        links: the (trace id, span id) of the spans that it points at.
    """

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    started_at: int
    ended_at: int
    attributes: Attributes
    events: tuple[Event, ...]
    links: tuple[tuple[str, str], ...]
    failed: bool
    description: str


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """An OTLP receiver on a free port of this machine, in threads of its own; a context manager.

    Attributes:
        metrics: what arrived beside the spans.
    """

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._spans: dict[tuple[str, str], Span] = {}
        self._conflicts: list[tuple[Span, Span]] = []
        self._copies = 0
        self._server = grpc.server(ThreadPoolExecutor(max_workers=2, thread_name_prefix="otlp"))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]  # generated
        self.metrics = ReceivedMetrics()
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(self.metrics, self._server)  # type: ignore[no-untyped-call]  # as above
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away; a collector that has gone keeps what it got."""
        self._server.stop(None).wait()

    @property
    def endpoint(self) -> str:
        """Its address, as ``OTEL_EXPORTER_OTLP_ENDPOINT`` wants it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process send its spans here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    @property
    def spans(self) -> Trace:
        """Every span that has arrived, by its start."""
        with self._arrived:
            return _sorted(self._spans.values())

    @property
    def copies(self) -> int:
        """How often a span arrived that was here before."""
        with self._arrived:
            return self._copies

    @property
    def conflicts(self) -> list[tuple[Span, Span]]:
        """Pairs of spans that share an id and differ: there should be none."""
        with self._arrived:
            return list(self._conflicts)

    @property
    def traces(self) -> dict[str, Trace]:
        """The traces by their ids."""
        return by_trace(self.spans)

    def wait_for(self, seen: Callable[[Trace], bool], timeout: float = _PATIENCE_SECONDS) -> Trace:
        """All spans, as soon as this is true of them.

        Raises:
            TimeoutError: it has not become true within so many seconds; the message lists what arrived.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: seen(_sorted(self._spans.values())), timeout):
                arrived = "\n".join(f"{span.service}: {span.name}" for span in _sorted(self._spans.values()))
                raise TimeoutError(f"not seen within {timeout} s; there are\n{arrived}")
            return _sorted(self._spans.values())

    def Export(self, request: ExportTraceServiceRequest, _context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        """Keep what a process sends."""
        with self._arrived:
            for span in _read(request):
                known = self._spans.setdefault((span.trace_id, span.span_id), span)
                if known is not span:
                    self._copies += 1
                    if known != span:
                        self._conflicts.append((known, span))
            self._arrived.notify_all()
        return ExportTraceServiceResponse()


def by_trace(spans: Iterable[Span]) -> dict[str, Trace]:
    """The traces to which the spans belong, by their ids."""
    found: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        found[span.trace_id].append(span)
    return {trace_id: _sorted(trace) for trace_id, trace in found.items()}


def roots(trace: Trace) -> Trace:
    """The spans without a parent; of a whole trace, one."""
    return tuple(span for span in trace if not span.parent_id)


def orphans(trace: Trace) -> Trace:
    """The spans whose parent is not there; of a whole trace, none."""
    present = {span.span_id for span in trace}
    return tuple(span for span in trace if span.parent_id and span.parent_id not in present)


def loose_links(trace: Trace) -> Trace:
    """The spans with a link that leads out of the trace, or nowhere; none where every link was made by a saga."""
    present = {(span.trace_id, span.span_id) for span in trace}
    return tuple(span for span in trace if not present.issuperset(span.links))


def tree(trace: Trace) -> Tree:
    """The trace as rich can print it: services, names, durations, outcomes, and what a compensation undoes."""
    present = {span.span_id: span for span in trace}
    children: dict[str, list[Span]] = defaultdict(list)
    for span in trace:
        children[span.parent_id if span.parent_id in present else ""].append(span)
    drawn = Tree(f"trace {trace[0].trace_id if trace else ''}", guide_style="dim")
    waiting = [(drawn, span) for span in children[""]]
    while waiting:
        branch, span = waiting.pop(0)
        twig = branch.add(Text.from_markup(_line(span, present)))
        for happened in span.events:
            twig.add(Text.from_markup(f"[dim]{_offset(span, happened)}[/] [magenta]{escape(_told(happened))}[/]"))
        waiting += [(twig, child) for child in children[span.span_id]]
    return drawn


def _line(span: Span, present: Mapping[str, Span]) -> str:
    outcome = str(span.attributes.get("saga.outcome") or span.attributes.get("saga.status") or "")
    attempt = span.attributes.get("saga.attempt", 1)
    parts = [
        f"[cyan]{escape(span.service)}[/]",
        f"[bold]{escape(span.name)}[/]",
        f"[dim]{(span.ended_at - span.started_at) / _MILLISECOND:.1f} ms[/]",
    ]
    if attempt != 1:
        parts.append(f"[yellow]attempt {attempt}[/]")
    if outcome or span.failed:
        parts.append(f"[{'red' if span.failed else 'green'}]{escape(outcome or 'failed')}[/]")
    if span.description:
        parts.append(f"[red]{escape(span.description)}[/]")
    if "saga.compensates" in span.attributes:
        parts.append(f"[magenta]↩ compensates {escape(_linked(span, present))}[/]")
    return "  ".join(parts)


def _linked(span: Span, present: Mapping[str, Span]) -> str:
    names = [
        present[span_id].name if span_id in present else f"{span_id}, which is missing" for _, span_id in span.links
    ]
    return ", ".join(names) or f"{span.attributes['saga.compensates']}, which was never sent"


def _offset(span: Span, event: Event) -> str:
    return f"+{(event.at - span.started_at) / _MILLISECOND:.1f} ms"


def _told(event: Event) -> str:
    more = ", ".join(str(value) for value in event.attributes.values())
    return f"{event.name}: {more}" if more else event.name


def _sorted(spans: Iterable[Span]) -> Trace:
    return tuple(sorted(spans, key=lambda span: (span.started_at, span.ended_at, span.span_id)))


def _read(request: ExportTraceServiceRequest) -> list[Span]:
    return [
        read_span(span, str(attributes(of_resource.resource.attributes).get("service.name", "")))
        for of_resource in request.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


def read_span(span: trace_pb2.Span, service: str) -> Span:
    """A span as OTLP has it."""
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        service=service,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        started_at=span.start_time_unix_nano,
        ended_at=span.end_time_unix_nano,
        attributes=attributes(span.attributes),
        events=tuple(Event(event.name, event.time_unix_nano, attributes(event.attributes)) for event in span.events),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        description=span.status.message,
    )


def attributes(pairs: Iterable[KeyValue]) -> Attributes:
    """Attributes by name."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:  # noqa: ANN401 - an attribute is of whatever type it is
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None
