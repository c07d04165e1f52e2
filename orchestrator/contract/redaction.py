"""Masks the fields that must not be shown: card tokens, addresses. A contract marks them, or an overlay does.

Only what is known to be harmless is shown. So a mark is found at every place: in nested messages, in lists, maps and
oneofs, in extensions, and in an Any of a known type. Of an unreadable Any (of unknown type, or broken) the type and the
size are kept. Fields that the contract does not know are dropped.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError

from orchestrator.contract.options import Annotations, annotations_of, is_sensitive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.any_pb2 import Any as AnyMessage
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

MASK: Final = "[redacted]"

_ANY: Final = "google.protobuf.Any"

# Deeper nesting is no payload but an attempt to exhaust the stack.
_DEEPEST: Final = 32

M = TypeVar("M", bound="Message")


def redacted(message: M) -> M:
    """A copy of the message that may be shown: marked strings are masked, other marked fields are cleared."""
    copy = type(message)()
    copy.CopyFrom(message)
    copy.DiscardUnknownFields()
    _redact(copy, 0)
    return copy


def may_hide(descriptor: Descriptor) -> bool:
    """Whether a message of this type, or one within, may hold what must not be shown."""
    return _may_hide(descriptor, annotations_of(descriptor.file.pool))


@lru_cache(maxsize=1024)
def _may_hide(descriptor: Descriptor, _annotations: Annotations) -> bool:
    waiting, seen = [descriptor], {descriptor}
    while waiting:
        kind = waiting.pop()
        if kind.full_name == _ANY or kind.is_extendable:
            return True
        for field in kind.fields:
            if is_sensitive(field):
                return True
            if field.message_type is not None and field.message_type not in seen:
                seen.add(field.message_type)
                waiting.append(field.message_type)
    return False


def _redact(message: Message, depth: int) -> None:
    if not may_hide(cast("Descriptor", message.DESCRIPTOR)):  # of either implementation
        return
    if message.DESCRIPTOR.full_name == _ANY:
        _redact_packed(message, depth)  # type: ignore[arg-type]  # it is one
        return
    for field, value in message.ListFields():
        if is_sensitive(field):
            _mask(message, field, value)
        elif field.message_type is not None:
            for nested in _messages(field, value):
                _redact(nested, depth)


def _redact_packed(packed: AnyMessage, depth: int) -> None:
    """Mask the content of an Any; unreadable content becomes zeros, so that its size is still known."""
    kind = _known(packed)
    if kind is None or depth == _DEEPEST:
        packed.value = bytes(len(packed.value))
        return
    content = message_factory.GetMessageClass(kind)()
    try:
        content.ParseFromString(packed.value)
    except DecodeError:
        packed.value = bytes(len(packed.value))
        return
    content.DiscardUnknownFields()
    _redact(content, depth + 1)
    packed.value = content.SerializePartialToString(deterministic=True)


def _known(packed: AnyMessage) -> Descriptor | None:
    for pool in (packed.DESCRIPTOR.file.pool, descriptor_pool.Default()):
        try:
            return pool.FindMessageTypeByName(packed.TypeName())
        except KeyError:
            continue
    return None


def _mask(message: Message, field: FieldDescriptor, value: Any) -> None:  # noqa: ANN401 - of any field
    is_text = field.type == FieldDescriptor.TYPE_STRING
    if field.is_extension:
        message.ClearExtension(field)  # type: ignore[arg-type]
        if is_text and not field.is_repeated:
            message.Extensions[field] = MASK  # type: ignore[index]
        return
    count = len(value) if field.is_repeated else 1
    message.ClearField(field.name)
    if is_text and field.is_repeated:
        getattr(message, field.name).extend([MASK] * count)
    elif is_text:
        setattr(message, field.name, MASK)


def _messages(field: FieldDescriptor, value: Any) -> Iterator[Message]:  # noqa: ANN401 - of any field
    """The messages in a field: its own, those of a list, the values of a map."""
    assert field.message_type is not None
    if not field.is_repeated:
        yield value
    elif not field.message_type.GetOptions().map_entry:
        yield from value
    elif field.message_type.fields_by_name["value"].message_type:
        yield from value.values()
