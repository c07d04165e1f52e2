"""Makes spans as serialized OTLP messages.

They are not made as the SDK's spans: the SDK's encoder takes about 50 µs for each, and holds the interpreter lock that
the event loop needs too. Here a span takes about 3 µs: see :mod:`orchestrator.observability.traces.wire`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags, Status

from orchestrator.contract.addresses import split_address
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.state import StepOutcome
from orchestrator.journal.trace_ids import ROOT, parse_traceparent, span_id, trace_id
from orchestrator.observability import names
from orchestrator.observability.traces.wire import Value, attribute, attributes, identity, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.contract.command import Effect

_SAMPLED: Final = 0x01
_LOCAL: Final = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | _SAMPLED
_REMOTE: Final = _LOCAL | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
_SHORTEST: Final = 1_000  # nanoseconds
_LONGEST_DESCRIPTION: Final = 1024  # characters; a participant may answer with a page of HTML


class SagaSpans:
    """Makes the spans of one saga, from what they have in common. Ids are bytes, as in OTLP.

    Attributes:
        trace: the id of the trace; the caller's where there is one.
    """

    __slots__ = ("_about", "_caller", "_child", "_root", "definition", "saga_id", "trace")

    def __init__(self, saga_id: str, definition: str, traceparent: str) -> None:
        caller = parse_traceparent(traceparent)
        self.saga_id = saga_id
        self.definition = definition
        self.trace = bytes.fromhex(trace_id(saga_id, traceparent))
        self._root = self.span_id(ROOT, 0)
        self._caller = bytes.fromhex(caller.span_id) if caller else b""
        self._about = text(names.SAGA_ID, saga_id) + attribute(names.SAGA_DEFINITION, definition)
        child = Span(trace_id=self.trace, parent_span_id=self._root, flags=_LOCAL)
        self._child = child.SerializeToString() + self._about

    def root(self, started_at: int, ended_at: int) -> bytes:
        """The saga's root; a child of the caller's span where there is one."""
        span = Span(
            trace_id=self.trace,
            parent_span_id=self._caller,
            flags=_REMOTE if self._caller else _LOCAL,
            name=names.root_span(self.definition),
            kind=Span.SPAN_KIND_INTERNAL,
        )
        return span.SerializeToString() + identity(self._root, started_at, _end(started_at, ended_at)) + self._about

    def mark(self, name: str, key: str, at: int, number: int = 0) -> bytes:
        """A child of the root without duration. ``key`` and ``number`` make its id."""
        return self.child(_prepare_mark(name), key, number, at, at)

    def child(self, prepared: bytes, key: str, number: int, started_at: int, ended_at: int) -> bytes:
        """A child of the root, with what was prepared. ``key`` and ``number`` make its id."""
        return prepared + self._child + identity(self.span_id(key, number), started_at, _end(started_at, ended_at))

    def span_id(self, key: str, number: int) -> bytes:
        """The id of the span of an attempt, as the participant was told."""
        return bytes.fromhex(span_id(self.saga_id, key, number))


def _end(started_at: int, ended_at: int) -> int:
    """The end of a span: at least a microsecond after its start, also where the clock was set back between the two.

    Backends count in microseconds, and show a shorter span with a negative duration.
    """
    return max(ended_at, started_at + _SHORTEST)


@lru_cache(maxsize=1024)
def prepare_attempt(method: str, effect: Effect | None, outcome: StepOutcome, address: str = "") -> bytes:
    """What all attempts of one rpc that came to the same outcome have in common.

    Args:
        method: the full name of the rpc.
        effect: the effect that the contract states; ``None`` for a compensation.
        outcome: the outcome of the attempt.
        address: ``host:port`` of the participant; empty where it has none, as child sagas.
    """
    about: dict[str, Value] = {
        names.RPC_SYSTEM: names.GRPC,
        names.RPC_METHOD: names.rpc_method(method),
        names.SAGA_OUTCOME: outcome.value,
    }
    host, port = split_address(address)
    if host:
        about[names.SERVER_ADDRESS] = host
    if port.isdecimal():
        about[names.SERVER_PORT] = int(port)
    if effect is not None:
        about[names.SAGA_EFFECT] = effect.name.lower()
    if outcome is StepOutcome.COMPLETED:
        about[names.RPC_STATUS] = StatusCode.OK.value
    span = Span(name=names.attempt_span(method), kind=Span.SPAN_KIND_CLIENT)
    return span.SerializeToString() + attributes(about)


@lru_cache(maxsize=1024)
def prepare_wait(what: str, how: str) -> bytes:
    """What all waits of one kind that ended in the same way have in common.

    Args:
        what: their name, such as ``signal:approval``.
        how: how they ended.
    """
    span = Span(name=names.wait_span(what), kind=Span.SPAN_KIND_INTERNAL)
    return span.SerializeToString() + attributes({names.SAGA_WAIT_END: how})


@lru_cache(maxsize=16)
def _prepare_mark(name: str) -> bytes:
    return Span(name=name, kind=Span.SPAN_KIND_INTERNAL).SerializeToString()


def error(kind: str, description: str) -> bytes:
    """The mark of a failure. ``kind`` is one of few; the description is for people."""
    status = Status(code=Status.STATUS_CODE_ERROR, message=description[:_LONGEST_DESCRIPTION])
    return attribute(names.ERROR_TYPE, kind) + Span(status=status).SerializeToString()


def link(trace: bytes, target: bytes) -> bytes:
    """A link from the span to another span."""
    return Span(links=[Span.Link(trace_id=trace, span_id=target, flags=_LOCAL)]).SerializeToString()


def event(name: str, at: int, about: Mapping[str, Value]) -> Span.Event:
    """An event at one instant of a span."""
    happened = Span.Event(name=name, time_unix_nano=at)
    # An event's attributes have another number than a span's.
    happened.attributes.extend(Span.FromString(attributes(about)).attributes)
    return happened


def told(events: Iterable[Span.Event]) -> bytes:
    """The events of a span, serialized."""
    return Span(events=events).SerializeToString()
