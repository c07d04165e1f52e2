"""Where spans go, and how they are found there again: a real Jaeger where Go has built one, else the OTLP receiver.

Both answer the same question, as people ask it of Jaeger: which traces have a span with all of these attributes? Jaeger
keeps what it understood; so what comes back from it is what people see.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from orchestrator.shop.demo.otlp import Collector, Event, Span, Trace, by_trace
from tests.crash.processes import free_addresses
from tests.support.tools import found

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATIENCE: Final = 30.0
_MICROSECOND: Final = 1_000
_STATUS: Final = "otel.status_code"
_OF_JAEGER: Final = frozenset({"span.kind", _STATUS, "otel.status_description", "error", "otel.scope.name"})


class TraceStore(ABC):
    """Takes spans, and finds them.

    Attributes:
        endpoint: where it takes them, as ``OTEL_EXPORTER_OTLP_ENDPOINT`` wants it.
    """

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process send its spans here, soon, and nothing else."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRICS_EXPORTER": "none",
        }

    @abstractmethod
    def find(self, service: str, attributes: Mapping[str, str]) -> list[Trace]:
        """The traces in which a span of this service has all of these attributes."""


class Receiver(TraceStore):
    """The OTLP receiver of the demo."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self.endpoint = collector.endpoint

    def find(self, service: str, attributes: Mapping[str, str]) -> list[Trace]:
        """See :class:`TraceStore`."""
        wanted = attributes.items()

        def fits(span: Span) -> bool:
            texts = {name: _text(value) for name, value in span.attributes.items()}
            return span.service == service and wanted <= texts.items()

        return [trace for trace in by_trace(self._collector.spans).values() if any(map(fits, trace))]


class Jaeger(TraceStore):
    """A process of Jaeger's, asked over HTTP as its pages ask it.

    Args:
        query: ``host:port`` of its API.
        endpoint: where it takes spans.
    """

    def __init__(self, query: str, endpoint: str) -> None:
        self._query = query
        self.endpoint = endpoint

    def find(self, service: str, attributes: Mapping[str, str]) -> list[Trace]:
        """See :class:`TraceStore`."""
        asked = {
            "service": service,
            "tags": json.dumps(dict(attributes)),
            "start": "1",
            "end": str(time.time_ns() // _MICROSECOND + 10**12),
            "limit": "100",
        }
        return [_trace(each) for each in self._ask(f"/api/traces?{urllib.parse.urlencode(asked)}")]

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            self._ask("/api/services")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def _ask(self, path: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"http://{self._query}{path}", timeout=PATIENCE) as answer:
            return json.load(answer)["data"] or []


@contextmanager
def trace_store() -> Iterator[TraceStore]:
    """A trace store of its own; Jaeger where it is there."""
    program = found("jaeger")
    if not program:
        with Collector() as collector:
            yield Receiver(collector)
        return
    query, query_grpc, otlp, otlp_http, admin, grpc, http = free_addresses(7)
    options = {
        "query.http-server": query,
        "query.grpc-server": query_grpc,
        "collector.otlp.grpc": otlp,
        "collector.otlp.http": otlp_http,
        "collector.grpc-server": grpc,
        "collector.http-server": http,
        "admin.http": admin,
    }
    command = [program, "--log-level=error", *(f"--{name}.host-port={where}" for name, where in options.items())]
    own = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    with subprocess.Popen(
        command, env=own | {"OTEL_TRACES_SAMPLER": "always_off"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            jaeger = Jaeger(query, f"http://{otlp}")
            deadline = time.monotonic() + PATIENCE
            while not jaeger.is_ready():
                assert process.poll() is None, "Jaeger has ended"
                assert time.monotonic() < deadline, "Jaeger does not answer"
            yield jaeger
        finally:
            process.kill()


def _trace(found: Mapping[str, Any]) -> Trace:
    services = {name: process["serviceName"] for name, process in found["processes"].items()}
    spans = [_span(each, services[each["processID"]]) for each in found["spans"]]
    return tuple(sorted(spans, key=lambda span: (span.started_at, span.ended_at, span.span_id)))


def _span(span: Mapping[str, Any], service: str) -> Span:
    tags = _tags(span["tags"])
    started_at = span["startTime"] * _MICROSECOND
    links = [each for each in span["references"] if each["refType"] == "FOLLOWS_FROM"]
    parents = [each["spanID"] for each in span["references"] if each["refType"] == "CHILD_OF"]
    return Span(
        trace_id=span["traceID"],
        span_id=span["spanID"],
        parent_id=parents[0] if parents else "",
        service=service,
        name=span["operationName"],
        kind=str(tags.get("span.kind", "internal")).upper(),
        started_at=started_at,
        ended_at=started_at + span["duration"] * _MICROSECOND,
        attributes={name: value for name, value in tags.items() if name not in _OF_JAEGER},
        events=tuple(_event(each) for each in span["logs"]),
        links=tuple((each["traceID"], each["spanID"]) for each in links),
        failed=tags.get(_STATUS) == "ERROR",
        description=str(tags.get("otel.status_description", "")),
    )


def _event(log: Mapping[str, Any]) -> Event:
    fields = _tags(log["fields"])
    return Event(str(fields.pop("event", "")), log["timestamp"] * _MICROSECOND, fields)


def _tags(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: pair["value"] for pair in pairs}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
