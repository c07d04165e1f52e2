"""Spans as OTLP messages, in the fewest steps.

The messages are built directly, and not as the SDK's spans: the SDK's encoder takes about 50 µs for one of
those, all of them on the interpreter lock that the event loop needs too; filling in a copy of a prepared message
takes about 5.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags, Status

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
_LONGEST_DESCRIPTION: Final = 1024  # characters; a participant may answer with a page of HTML


class Place(NamedTuple):
    """Where the spans of one saga belong. Ids are bytes, as in OTLP.

    Attributes:
        caller: the span of whoever started the saga; empty where there is none.
    """

    saga_id: str
    trace: bytes
    root: bytes
    caller: bytes

    @classmethod
    def of(cls, saga_id: str, traceparent: str) -> Place:
        """The place of a saga that was started under this trace context."""
        caller = parse_traceparent(traceparent)
        return cls(
            saga_id,
            bytes.fromhex(trace_id(saga_id, traceparent)),
            bytes.fromhex(span_id(saga_id, ROOT)),
            bytes.fromhex(caller.span_id) if caller else b"",
        )

    def root_span(self, definition: str, started_at: int, ended_at: int) -> Span:
        """The saga's root; a child of the caller's span where there is one."""
        return Span(
            trace_id=self.trace,
            span_id=self.root,
            parent_span_id=self.caller,
            flags=_REMOTE if self.caller else _LOCAL,
            name=names.root_span(definition),
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=started_at,
            end_time_unix_nano=ended_at,
        )

    def mark(self, name: str, key: str, at: int, number: int = 0) -> Span:
        """A child of the root without duration. ``key`` and ``number`` make its id."""
        return Span(
            trace_id=self.trace,
            span_id=self.span_id(key, number),
            parent_span_id=self.root,
            flags=_LOCAL,
            name=name,
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=at,
            end_time_unix_nano=at,
        )

    def attempt(self, prepared: Span, key: str, number: int, started_at: int, ended_at: int) -> Span:
        """A child of the root that copies a prepared span."""
        span = Span()
        span.CopyFrom(prepared)
        span.trace_id = self.trace
        span.span_id = self.span_id(key, number)
        span.parent_span_id = self.root
        span.start_time_unix_nano = started_at
        span.end_time_unix_nano = ended_at
        return span

    def span_id(self, key: str, number: int) -> bytes:
        """The id of the span of an attempt, as the participant was told."""
        return bytes.fromhex(span_id(self.saga_id, key, number))


@lru_cache(maxsize=1024)
def prepare_attempt(method: str, effect: Effect | None) -> Span:
    """What all attempts of one rpc have in common; not to be changed.

    Args:
        method: the full name of the rpc.
        effect: what the contract says of it; ``None`` for a compensation.
    """
    service, _, rpc = method.rpartition(".")
    span = Span(name=names.attempt_span(service, rpc), kind=Span.SPAN_KIND_CLIENT, flags=_LOCAL)
    known = {names.RPC_SYSTEM: "grpc", names.RPC_SERVICE: service, names.RPC_METHOD: rpc}
    set_all(span, known if effect is None else {**known, names.SAGA_EFFECT: effect.name.lower()})
    return span


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
