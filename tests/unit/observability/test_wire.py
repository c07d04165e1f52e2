"""The encoding by hand is the same as protobuf's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from orchestrator.observability.traces.wire import attribute, attributes, identity, spans_of_scope, text

INSTANTS = st.integers(0, 2**64 - 1)
NAMES = st.text(max_size=300)
VALUES = st.one_of(st.text(max_size=20_000), st.booleans(), st.integers(-(2**63), 2**63 - 1))


def value_of(value: str | bool | int) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(bool_value=value) if isinstance(value, bool) else AnyValue(int_value=value)


@given(st.binary(min_size=8, max_size=8), INSTANTS, INSTANTS)
def test_an_identity(span_id: bytes, started_at: int, ended_at: int) -> None:
    span = Span(span_id=span_id, start_time_unix_nano=started_at, end_time_unix_nano=ended_at)
    assert Span.FromString(identity(span_id, started_at, ended_at)) == span


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_attributes(pairs: dict[str, str | bool | int]) -> None:
    expected = Span(attributes=[KeyValue(key=name, value=value_of(value)) for name, value in pairs.items()])
    assert Span.FromString(attributes(pairs)) == expected
    assert Span.FromString(b"".join(attribute(name, value) for name, value in pairs.items())) == expected


@given(NAMES, st.text(min_size=100, max_size=20_000))
def test_a_long_text(name: str, value: str) -> None:
    expected = Span(attributes=[KeyValue(key=name, value=AnyValue(string_value=value))])
    assert Span.FromString(text(name, value)) == expected


@given(st.lists(NAMES, max_size=4))
def test_spans_of_a_scope(names: list[str]) -> None:
    spans = [Span(name=name) for name in names]
    serialized = spans_of_scope([span.SerializeToString() for span in spans])
    assert ScopeSpans.FromString(serialized) == ScopeSpans(spans=spans)


def test_one_and_true_are_two_values() -> None:
    assert attribute("said", 1) != attribute("said", value=True)
