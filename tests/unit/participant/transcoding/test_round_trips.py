"""Whatever a request holds: a server reads the very bytes that a client said, or the client has refused to say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import descriptor, message_factory
from hypothesis import event, given
from hypothesis import strategies as st

from orchestrator.participant.transcoding import Routes, Rule, UnfitMessageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import Descriptor, FieldDescriptor

_DEPTH = 3
_TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
_SCALARS = {
    descriptor.FieldDescriptor.TYPE_STRING: st.one_of(
        _TEXT, st.sampled_from([".", "..", "a/b", "%2F", "a:b", "+ ", ""])
    ),
    descriptor.FieldDescriptor.TYPE_BYTES: st.binary(max_size=8),
    descriptor.FieldDescriptor.TYPE_BOOL: st.booleans(),
    descriptor.FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    descriptor.FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    descriptor.FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    descriptor.FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
    descriptor.FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
    descriptor.FieldDescriptor.TYPE_FLOAT: st.floats(allow_nan=False, width=32),
    descriptor.FieldDescriptor.TYPE_ENUM: st.integers(0, 5),
}
RULES = [
    'get: "/v1/books"',
    'get: "/v1/{shelf_id}/{number}/{is_lent}"',
    'get: "/v1/{book.book_name=**}"',
    'get: "/v1/{mark}/{price}/{kind}:ask"',
    'get: "/v1/{shelf_id=a/*/b/*}" additional_bindings { get: "/v1/any/{shelf_id=**}" }',
    'get: "/v1/{lent_at}/{note}/{seal}/{limit}"',
    'post: "/v1/books" body: "*"',
    'post: "/v1/{book.first.title}/{shelf_id}" body: "*"',
    'put: "/v1/{book.book_name}" body: "book"',
    'patch: "/v1/{shelf_id}" body: "words"',
    'patch: "/v1/{shelf_id}" body: "limit"',
    'patch: "/v1/{shelf_id}" body: "number"',
    'delete: "/v1/{reader_name}"',
]


def _instant(draw: st.DrawFn, field: Any) -> None:  # noqa: ANN401 - a message of protobuf
    field.FromNanoseconds(draw(st.integers(-(2**60), 2**60)))


def _mask(draw: st.DrawFn, field: Any) -> None:  # noqa: ANN401 - as above
    field.paths.extend(draw(st.lists(st.sampled_from(["book", "book.kind", "lent_at"]))))
    field.SetInParent()


def _struct(draw: st.DrawFn, field: Any) -> None:  # noqa: ANN401 - as above
    field.update(draw(st.dictionaries(_TEXT, st.one_of(_TEXT, st.booleans(), st.none()), max_size=2)))


def _value(draw: st.DrawFn, field: Any) -> None:  # noqa: ANN401 - as above
    _struct(draw, field.struct_value)


_WELL_KNOWN: dict[str, Callable[[st.DrawFn, Any], None]] = {
    "google.protobuf.Timestamp": _instant,
    "google.protobuf.Duration": _instant,
    "google.protobuf.FieldMask": _mask,
    "google.protobuf.Struct": _struct,
    "google.protobuf.Value": _value,
}


@st.composite
def messages(draw: st.DrawFn, of: Descriptor, depth: int = _DEPTH) -> Any:  # noqa: ANN401 - as above
    message = message_factory.GetMessageClass(of)()
    for field in draw(st.lists(st.sampled_from(list(of.fields)), unique_by=lambda each: each.number)):
        fill(draw, message, field, depth)
    return message


def fill(draw: st.DrawFn, message: Any, field: FieldDescriptor, depth: int = _DEPTH) -> None:  # noqa: ANN401 - as above
    held, kind = getattr(message, field.name), field.message_type
    if kind is None and field.is_repeated:
        held.extend(draw(st.lists(_SCALARS[field.type], max_size=3)))
    elif kind is None:
        setattr(message, field.name, draw(_SCALARS[field.type]))
    elif kind.full_name in _WELL_KNOWN:
        _WELL_KNOWN[kind.full_name](draw, held)
    elif not depth:
        return
    elif kind.GetOptions().map_entry:
        _fill_map(draw, held, kind.fields_by_name["value"], depth)
    elif field.is_repeated:
        held.extend(draw(st.lists(messages(kind, depth - 1), max_size=2)))
    else:
        held.CopyFrom(draw(messages(kind, depth - 1)))


def _fill_map(draw: st.DrawFn, held: Any, value: FieldDescriptor, depth: int) -> None:  # noqa: ANN401 - a map
    for key in draw(st.lists(_TEXT, max_size=2)):
        if value.message_type is None:
            held[key] = draw(_SCALARS[value.type])
        else:
            held[key].CopyFrom(draw(messages(value.message_type, depth - 1)))


@st.composite
def requests(draw: st.DrawFn, rule: Rule) -> Any:  # noqa: ANN401 - a message of protobuf
    """A request whose fields of the path have values; what no query can say is rare."""
    asked = draw(messages(rule.method.input_type))
    for *outer, field in rule.bindings[0].paths:
        holder = asked
        for each in outer:
            holder = getattr(holder, each.name)
        fill(draw, holder, field)
    if rule.bindings[0].body is None:
        for name in ("chapters", "more", "anything"):
            asked.ClearField(name)
    return asked


@pytest.mark.parametrize("text", RULES)
@given(data=st.data())
def test_a_request_comes_back_as_the_same_bytes(rule: Callable[[str], Rule], text: str, data: st.DataObject) -> None:
    compiled = rule(text)
    asked = data.draw(requests(compiled))
    try:
        call = compiled.call(asked)
    except UnfitMessageError as refused:
        event(f"refused: {refused.field}")
        return
    assert (call.path + call.query).isascii()
    assert compiled.call(asked) == call
    route = Routes([compiled]).find(call.method, call.path)
    assert route is not None
    heard = route.binding.request(route.values, call.query, call.body)
    assert heard.SerializeToString(deterministic=True) == asked.SerializeToString(deterministic=True)


@pytest.mark.parametrize("text", ["", ' response_body: "books"', ' response_body: "count"', ' response_body: "book"'])
@given(data=st.data())
def test_a_reply_comes_back_as_the_same_bytes(rule: Callable[[str], Rule], text: str, data: st.DataObject) -> None:
    compiled = rule(f'get: "/v1/books"{text}')
    answered = data.draw(messages(compiled.method.output_type))
    if compiled.response_body is not None:
        for field in answered.DESCRIPTOR.fields:
            if field != compiled.response_body:
                answered.ClearField(field.name)
    heard = compiled.reply(compiled.content(answered))
    assert heard.SerializeToString(deterministic=True) == answered.SerializeToString(deterministic=True)
