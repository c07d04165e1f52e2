"""Fragments of serialized OTLP spans.

Serialized fields, one after another, are a serialized message. So the common part of spans is serialized once, and a
span is joined from pieces. The fields of every span are encoded here by hand, because building a message costs several
times as much; rare fields are built as a message and serialized.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Value = str | int | bool

# Tags of opentelemetry.proto: the number of the field, then how its value is written.
_SPAN_ID: Final = b"\x12\x08"
_START: Final = b"\x39"
_END: Final = b"\x41"
_ATTRIBUTE: Final = b"\x4a"
_KEY: Final = b"\x0a"
_VALUE: Final = b"\x12"
_STRING: Final = b"\x0a"
_SPAN_OF_SCOPE: Final = b"\x12"

_FIXED_64: Final = struct.Struct("<Q")
_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80
_SHORT: Final = [bytes([length]) for length in range(_MORE)]


def identity(span_id: bytes, started_at: int, ended_at: int) -> bytes:
    """The id of a span, its start and its end; nanoseconds since the epoch, UTC."""
    return b"".join((_SPAN_ID, span_id, _START, _FIXED_64.pack(started_at), _END, _FIXED_64.pack(ended_at)))


def text(name: str, value: str) -> bytes:
    """An attribute with a string."""
    said = value.encode()
    string = _STRING + _length(len(said)) + said
    pair = _key(name) + _VALUE + _length(len(string)) + string
    return _ATTRIBUTE + _length(len(pair)) + pair


@lru_cache(maxsize=4096, typed=True)
def attribute(name: str, value: Value) -> bytes:
    """An attribute whose value is one of few."""
    if isinstance(value, str):
        return text(name, value)
    span = Span()
    added = span.attributes.add()
    added.key = name
    if isinstance(value, bool):
        added.value.bool_value = value
    else:
        added.value.int_value = value
    return span.SerializeToString()


def attributes(pairs: Mapping[str, Value]) -> bytes:
    """Attributes with any values."""
    return b"".join(
        text(name, value) if isinstance(value, str) else attribute(name, value) for name, value in pairs.items()
    )


def spans_of_scope(spans: Iterable[bytes]) -> bytes:
    """Spans as the fields of a ``ScopeSpans``."""
    return b"".join(part for span in spans for part in (_SPAN_OF_SCOPE, _length(len(span)), span))


@lru_cache(maxsize=256)
def _key(name: str) -> bytes:
    said = name.encode()
    return _KEY + _length(len(said)) + said


def _length(number: int) -> bytes:
    """A length as a varint."""
    if number < _MORE:
        return _SHORT[number]
    parts = bytearray()
    while number > _SEVEN_BITS:
        parts.append(number & _SEVEN_BITS | _MORE)
        number >>= 7
    parts.append(number)
    return bytes(parts)
