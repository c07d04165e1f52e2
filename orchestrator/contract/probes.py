"""Values with which constraints are tried, to find a value that one message accepts and another refuses.

The constraints alone do not show this: they are regular expressions, bounds, formats and expressions, on fields and on
messages. So values that are likely to make a difference are tried on both. A value that is found is a proof; where none
is found, there may still be one.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor import FieldDescriptor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

_TEXTS: Final = (
    *("a", "A", "0", "7f", " ", "a b", "-", "_", "a-1", "A-1", "\u00e4", "EUR", "US", "2020-01-01", "+15550100"),
    *("00000000-0000-4000-8000-000000000000", "a@example.com", "example.com", "https://example.com/a", "127.0.0.1"),
)
_NUMBERS: Final = (1, -1, 2, 10, 100, 1000, 2**31 - 1, -(2**31))
_LENGTHS: Final = (2, 8, 32, 33, 64, 256)

# Longer ones cost more time than they are worth.
_LONGEST: Final = 10_000
_MOST_ITEMS: Final = 1_000

_FLOATS: Final = frozenset({FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT})


def rules_of(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """The constraints on a field, as written; empty where the field has none."""
    options = descriptor_pb2.FieldOptions.FromString(field.GetOptions().SerializeToString())
    return options.Extensions[validate_pb2.field]


def probes(descriptor: Descriptor, *, hints: Descriptor | None = None) -> Iterator[Message]:
    """Messages in which one field at a time is filled, the simplest first; the empty one leads.

    Args:
        descriptor: the type of the messages.
        hints: another message, whose constraints on fields of the same names suggest values, too.
    """
    yield message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        other = hints.fields_by_name.get(field.name) if hints else None
        for value in values_of(field, other):
            yield with_value(message_factory.GetMessageClass(descriptor)(), field, value)


def with_value(message: Message, field: FieldDescriptor, value: Any) -> Message:  # noqa: ANN401 - of any field
    """The message, with the field set to a value of :func:`values_of`."""
    message.ClearField(field.name)
    held = getattr(message, field.name)
    if is_map(field):
        for key, each in value.items():
            if hasattr(each, "DESCRIPTOR"):
                held[key].CopyFrom(each)
            else:
                held[key] = each
    elif field.is_repeated:
        held.extend(value)
    elif field.message_type is not None:
        held.CopyFrom(value)
        held.SetInParent()
    else:
        setattr(message, field.name, value)
    return message


def is_map(field: FieldDescriptor) -> bool:
    """Whether the field is a map."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def values_of(field: FieldDescriptor, other: FieldDescriptor | None = None) -> Iterator[Any]:
    """Values of a field, the simplest first, that its constraints and those of another one suggest."""
    constants = [each for one in filter(None, (field, other)) for each in _constants(rules_of(one))]
    if is_map(field):
        entry = field.message_type
        assert entry is not None
        keys, values = (entry.fields_by_name[name] for name in ("key", "value"))
        some = list(islice(_single(values, constants), 3))
        yield from ({key: value} for key in _single(keys, constants) for value in some)
        for count in _counts(constants):
            yield dict(zip(islice(_distinct(keys), count), some[:1] * count, strict=False))
    elif field.is_repeated:
        singles = list(_single(field, constants))
        yield from ([value] for value in singles)
        yield from (singles[:1] * count for count in _counts(constants))
        yield from (singles[:count] for count in _counts(constants))
    else:
        yield from _single(field, constants)


def _single(field: FieldDescriptor, constants: list[Any]) -> Iterator[Any]:
    match field.type:
        case FieldDescriptor.TYPE_STRING:
            yield from _texts(constants)
        case FieldDescriptor.TYPE_BYTES:
            yield from (text.encode() for text in _texts(constants))
            yield from (each for each in constants if isinstance(each, bytes))
        case FieldDescriptor.TYPE_BOOL:
            yield from (True, False)
        case FieldDescriptor.TYPE_ENUM:
            assert field.enum_type is not None
            yield from (value.number for value in field.enum_type.values)
        case FieldDescriptor.TYPE_MESSAGE | FieldDescriptor.TYPE_GROUP:
            yield from _messages(field, constants)
        case _:
            yield from _numbers(field, constants)


def _texts(constants: list[Any]) -> Iterator[str]:
    yield from ("", *_TEXTS)
    yield from (each for each in constants if isinstance(each, str))
    lengths = sorted({*_LENGTHS, *_near(constants)})
    yield from (letter * length for letter in ("a", "A", "0") for length in lengths if 0 < length <= _LONGEST)


def _numbers(field: FieldDescriptor, constants: list[Any]) -> Iterator[Any]:
    candidates = [0, *_NUMBERS, *_near(constants), *(each for each in constants if isinstance(each, float))]
    if field.type in _FLOATS:
        yield from (float(each) for each in (*candidates, float("nan"), float("inf"), float("-inf")))
        return
    signed = "uint" not in _CPP[field.cpp_type]
    bits = 64 if "64" in _CPP[field.cpp_type] else 32
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    yield from (int(each) for each in candidates if each == each and least <= each <= most)  # noqa: PLR0124 - no NaN


def _messages(field: FieldDescriptor, constants: list[Any]) -> Iterator[Message]:
    """An empty message; and, of a span or an instant, a message for each number of seconds."""
    assert field.message_type is not None
    kind = message_factory.GetMessageClass(field.message_type)
    yield kind()
    if {"google.protobuf.Duration", "google.protobuf.Timestamp"} & {field.message_type.full_name}:
        seconds = dict.fromkeys((1, -1, 1_000_000_000, *_near(constants)))
        yield from (kind(seconds=each) for each in seconds if abs(each) < 10**10)
    elif field.message_type.full_name.startswith("google.protobuf.") and list(field.message_type.fields_by_name) == [
        "value"
    ]:
        wrapped = field.message_type.fields_by_name["value"]
        yield from (kind(value=each) for each in _single(wrapped, constants))


def _counts(constants: list[Any]) -> list[int]:
    """The numbers of items to try besides one; an unfilled message already has none."""
    return sorted(each for each in {2, 3, *_near(constants)} if 1 < each <= _MOST_ITEMS)


def _distinct(key: FieldDescriptor) -> Iterator[Any]:
    numbers = range(_MOST_ITEMS)
    if key.type == FieldDescriptor.TYPE_BOOL:
        return iter((False, True))
    return iter(str(each) for each in numbers) if key.type == FieldDescriptor.TYPE_STRING else iter(numbers)


def _near(constants: list[Any]) -> list[int]:
    """The whole numbers in constraints, and their neighbours, where bounds differ."""
    whole = [each for each in constants if isinstance(each, int) and not isinstance(each, bool)]
    return [near for each in whole for near in (each - 1, each, each + 1)]


def _constants(rules: Message) -> Iterator[Any]:
    """Everything that constraints mention: bounds, lengths, texts."""
    for field, value in rules.ListFields():
        several = list(value) if field.is_repeated else [value]
        for each in several:
            if field.message_type is None:
                yield each
            else:
                yield from _constants(each)


_CPP: Final = {
    getattr(FieldDescriptor, f"CPPTYPE_{name.upper()}"): name
    for name in ("int32", "int64", "uint32", "uint64", "double", "float", "bool", "enum", "string", "message")
}
