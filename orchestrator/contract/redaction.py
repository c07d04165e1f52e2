"""Masks the fields that a contract marks ``debug_redact``: card tokens, addresses."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.descriptor import FieldDescriptor

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

MASK = "[redacted]"

M = TypeVar("M", bound="Message")


def redacted(message: M) -> M:
    """A copy of the message that may be shown: marked strings are masked, other marked fields are cleared."""
    copy = type(message)()
    copy.CopyFrom(message)
    if _has_marks(copy.DESCRIPTOR):
        _redact(copy)
    return copy


@lru_cache(maxsize=1024)
def _has_marks(descriptor: Descriptor) -> bool:
    """Whether a field of such a message, or of one in it, is marked."""
    waiting, seen = [descriptor], {descriptor}
    while waiting:
        for field in waiting.pop().fields:
            if field.GetOptions().debug_redact:
                return True
            if field.message_type is not None and field.message_type not in seen:
                seen.add(field.message_type)
                waiting.append(field.message_type)
    return False


def _redact(message: Message) -> None:
    for field, value in message.ListFields():
        if field.GetOptions().debug_redact:
            message.ClearField(field.name)
            if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
                setattr(message, field.name, MASK)
        elif field.message_type is not None:
            for nested in _messages(field, value):
                _redact(nested)


def _messages(field: FieldDescriptor, value: object) -> list[Message]:
    """The messages in a field: its own, those of a list, the values of a map."""
    if not field.is_repeated:
        return [value]  # type: ignore[list-item]  # it is a message field
    assert field.message_type is not None
    if field.message_type.GetOptions().map_entry:
        values = field.message_type.fields_by_name["value"]
        return list(value.values()) if values.message_type else []  # type: ignore[attr-defined]  # it is a map
    return list(value)  # type: ignore[call-overload, no-any-return]  # it is a list
