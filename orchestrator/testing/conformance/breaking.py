"""Requests that break a constraint of their contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from orchestrator.testing.samples import violations

if TYPE_CHECKING:
    from collections.abc import Iterator

M = TypeVar("M", bound=Message)

_INTEGERS: Final = (0, 1, 2**31 - 1)
_SIGNED: Final = (*_INTEGERS, -1, -(2**31))
_OUTLANDISH: Final[dict[int, tuple[Any, ...]]] = {
    FieldDescriptor.CPPTYPE_INT32: _SIGNED,
    FieldDescriptor.CPPTYPE_INT64: _SIGNED,
    FieldDescriptor.CPPTYPE_UINT32: _INTEGERS,
    FieldDescriptor.CPPTYPE_UINT64: _INTEGERS,
    FieldDescriptor.CPPTYPE_FLOAT: (-1e30, 1e30, float("nan")),
    FieldDescriptor.CPPTYPE_DOUBLE: (-1e300, 1e300, float("nan")),
    FieldDescriptor.CPPTYPE_ENUM: (0, 2**31 - 1),
}
_TEXTS: Final = ("", "\x01 nothing like it", "x" * 20_000)


def break_constraint(valid: M) -> tuple[M, str] | None:
    """The message with one of its fields changed so that it breaks its contract, and the name of that field.

    ``None`` where no field can be broken, as where the contract states no constraints.
    """
    for field in valid.DESCRIPTOR.fields:
        for broken in _variants(valid, field.name):
            if any(path.partition("[")[0].partition(".")[0] == field.name for path, _ in violations(broken)):
                return broken, field.name
    return None


def _variants(valid: M, name: str) -> Iterator[M]:
    cleared = _copy(valid)
    cleared.ClearField(name)
    yield cleared
    field = valid.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated or field.message_type is not None:
        return
    values: tuple[Any, ...] = _OUTLANDISH.get(field.cpp_type, ())
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        values = tuple(text.encode() for text in _TEXTS) if field.type == FieldDescriptor.TYPE_BYTES else _TEXTS
    for value in values:
        changed = _copy(valid)
        setattr(changed, name, value)
        yield changed


def _copy(message: M) -> M:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy
