"""Spans as OTLP messages, in the fewest steps.

The messages are built directly, and not as the SDK's spans: the SDK's encoder takes about 50 µs for one of
those, all of them on the interpreter lock that the event loop needs too. Here it is about 5: what spans have in
common is kept serialized, because serialized fragments of a message, one after another, are that message.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags, Status

from orchestrator.engine.state import StepOutcome
from orchestrator.engine.trace import ROOT, parse_traceparent, span_id, trace_id
from orchestrator.observability import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

    from orchestrator.contract.command import Effect

Value = str | int | bool

_SAMPLED: Final = 0x01
_LOCAL: Final = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | _SAMPLED
_REMOTE: Final = _LOCAL | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
_OK: Final = 0
_LONGEST_DESCRIPTION: Final = 1024  # characters; a participant may answer with a page of HTML


class Place:
    """Where the spans of one saga belong, and what they have in common. Ids are bytes, as in OTLP.

    Attributes:
        trace: the id of the trace; the caller's where there is one.
    """

    __slots__ = ("_caller", "_child", "_root", "definition", "saga_id", "trace")

    def __init__(self, saga_id: str, definition: str, traceparent: str) -> None:
        caller = parse_traceparent(traceparent)
        self.saga_id = saga_id
        self.definition = definition
        self.trace = bytes.fromhex(trace_id(saga_id, traceparent))
        self._root = self.span_id(ROOT, 0)
        self._caller = bytes.fromhex(caller.span_id) if caller else b""
        child = Span(trace_id=self.trace, parent_span_id=self._root, flags=_LOCAL)
        set_all(child, self._about())
        self._child = child.SerializeToString()

    def root(self, started_at: int, ended_at: int) -> Span:
        """The saga's root; a child of the caller's span where there is one."""
        span = Span(
            trace_id=self.trace,
            span_id=self._root,
            parent_span_id=self._caller,
            flags=_REMOTE if self._caller else _LOCAL,
            name=names.root_span(self.definition),
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=started_at,
            end_time_unix_nano=ended_at,
        )
        set_all(span, self._about())
        return span

    def mark(self, name: str, key: str, at: int, number: int = 0) -> Span:
        """A child of the root without duration. ``key`` and ``number`` make its id."""
        span = self.child(b"", key, number, at, at)
        span.name = name
        span.kind = Span.SPAN_KIND_INTERNAL
        return span

    def child(self, prepared: bytes, key: str, number: int, started_at: int, ended_at: int) -> Span:
        """A child of the root, with what was prepared. ``key`` and ``number`` make its id."""
        span = Span.FromString(prepared + self._child)
        span.span_id = self.span_id(key, number)
        span.start_time_unix_nano = started_at
        span.end_time_unix_nano = ended_at
        return span

    def span_id(self, key: str, number: int) -> bytes:
        """The id of the span of an attempt, as the participant was told."""
        return bytes.fromhex(span_id(self.saga_id, key, number))

    def _about(self) -> dict[str, Value]:
        return {names.SAGA_ID: self.saga_id, names.SAGA_DEFINITION: self.definition}


@lru_cache(maxsize=1024)
def prepare_attempt(method: str, effect: Effect | None, outcome: StepOutcome) -> bytes:
    """What all attempts of one rpc that came to the same outcome have in common.

    Args:
        method: the full name of the rpc.
        effect: what the contract says of it; ``None`` for a compensation.
        outcome: what came of it.
    """
    service, _, rpc = method.rpartition(".")
    span = Span(name=names.attempt_span(service, rpc), kind=Span.SPAN_KIND_CLIENT)
    set_all(span, {names.RPC_SYSTEM: "grpc", names.RPC_SERVICE: service, names.RPC_METHOD: rpc})
    set_one(span.attributes, names.SAGA_OUTCOME, outcome.value)
    if effect is not None:
        set_one(span.attributes, names.SAGA_EFFECT, effect.name.lower())
    if outcome is StepOutcome.COMPLETED:
        set_one(span.attributes, names.RPC_STATUS, _OK)
    return span.SerializeToString()


def set_one(attributes: RepeatedCompositeFieldContainer[KeyValue], name: str, value: Value) -> None:
    """Add an attribute; its name must be new."""
    attribute = attributes.add()
    attribute.key = name
    if isinstance(value, str):
        attribute.value.string_value = value
    elif isinstance(value, bool):
        attribute.value.bool_value = value
    else:
        attribute.value.int_value = value


def set_all(target: Span | Span.Event, attributes: Mapping[str, Value]) -> None:
    """Add attributes; their names must be new."""
    for name, value in attributes.items():
        set_one(target.attributes, name, value)


def set_error(span: Span, kind: str, description: str) -> None:
    """Say that what the span stands for went wrong. ``kind`` is one of few; the description is for people."""
    set_one(span.attributes, names.ERROR_TYPE, kind)
    span.status.code = Status.STATUS_CODE_ERROR
    span.status.message = description[:_LONGEST_DESCRIPTION]


def link(span: Span, trace: bytes, target: bytes) -> None:
    """Let the span point at another one."""
    span.links.add(trace_id=trace, span_id=target, flags=_LOCAL)


def event(name: str, at: int, attributes: Mapping[str, Value]) -> Span.Event:
    """Something that happened at one instant of a span."""
    happened = Span.Event(name=name, time_unix_nano=at)
    set_all(happened, attributes)
    return happened


def add_events(span: Span, events: Iterable[Span.Event]) -> None:
    """Let the span tell what happened in it."""
    span.events.extend(events)
