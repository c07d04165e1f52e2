"""The messages that this process knows by their full names: those whose generated modules it has imported."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pool, message_factory

if TYPE_CHECKING:
    from google.protobuf.message import Message


@lru_cache(maxsize=1024)
def _class_of(name: str) -> type[Message]:
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))


def event_class(name: str) -> type[Message] | None:
    """The class of an event's message; ``None`` where this process does not know it."""
    try:
        return _class_of(name)
    except KeyError:
        return None
