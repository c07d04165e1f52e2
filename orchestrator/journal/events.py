"""What a saga tells others: the events of its code, and those of its own life. Part of what the entries lead to. Pure.

Invariant: an event is told only when nothing can make it untrue. What the code publishes before the pivot is held, for
the saga may still roll back; so is everything where no pivot comes.

::

    published ──▶ held ──┬─ the pivot is accepted, or the saga completes ──▶ told
        │                └─ the saga rolls back ───────────────────────────▶ dropped
        └─ after the pivot, or at once ────────────────────────────────────▶ told

A child that completes without a pivot of its own may yet be rolled back with its parent: what it holds goes on to the
parent, which holds it in turn. What is told at once, before that is safe, is provisional. An event's id is derived from
its saga and its key, so it is the same at every delivery.
"""

from __future__ import annotations

import enum
from hashlib import blake2b
from typing import NamedTuple


class Standing(enum.StrEnum):
    """How far an event has come."""

    HELD = "HELD"
    """The saga may yet roll back: nobody is told."""
    TOLD = "TOLD"
    """It waits in the outbox, or has left it."""
    DROPPED = "DROPPED"
    """The saga rolls back: nobody is ever told."""
    HANDED_ON = "HANDED_ON"
    """The saga has completed as a child, and its parent holds it."""


class HeldEvent(NamedTuple):
    """An event that a child has handed on to its parent.

    Attributes:
        saga_id: of the child.
        definition: of the child.
        key: within the child.
        at: when the child's code published it, nanoseconds since the epoch, UTC.
        type: the full name of its message.
        payload: the serialized message.
    """

    saga_id: str
    definition: str
    key: str
    at: int
    type: str
    payload: bytes


class EventState:
    """An event as the journal holds it.

    Attributes:
        saga_id: the saga that published it: this one, or a child of its own.
        definition: of that saga.
        key: within that saga.
        type: the full name of its message.
        payload: the serialized message.
        at: when it was published, nanoseconds since the epoch, UTC.
        child: the key of the command that handed it on, where a child of this saga has published it; else empty.
        provisional: it was told while its saga could still roll back.
    """

    __slots__ = ("at", "child", "definition", "key", "payload", "provisional", "saga_id", "standing", "type")

    def __init__(
        self, saga_id: str, definition: str, key: str, kind: str, payload: bytes, at: int, child: str = ""
    ) -> None:
        self.saga_id = saga_id
        self.definition = definition
        self.key = key
        self.type = kind
        self.payload = payload
        self.at = at
        self.child = child
        self.standing = Standing.HELD
        self.provisional = False


class SagaEvents:
    """What a saga has published.

    Attributes:
        by_key: in the order in which it was published; that of a child under the child's id and its key there.
        telling: what has become told, in order, until the writer of the entries takes it.
    """

    __slots__ = ("by_key", "telling")

    def __init__(self) -> None:
        self.by_key: dict[str, EventState] = {}
        self.telling: list[EventState] = []

    def add(self, name: str, event: EventState, *, at_once: bool, certain: bool) -> None:
        """Hold an event until the saga can roll back no more; where that is certain, or at once, tell it."""
        self.by_key[name] = event
        if at_once or certain:
            event.provisional = not certain
            self._tell(event)

    def tell_held(self) -> None:
        """Nothing takes back any more what was done."""
        for event in self._held():
            self._tell(event)

    def let_go(self, standing: Standing) -> None:
        """What is held is not told by this saga: it is dropped, or handed on."""
        for event in self._held():
            event.standing = standing

    def drop_of_child(self, key: str) -> None:
        """The child that this command is will be rolled back: its events are dropped."""
        for event in self._held():
            if event.child == key:
                event.standing = Standing.DROPPED

    def handed_on(self) -> tuple[HeldEvent, ...]:
        """What a child that has completed leaves to its parent."""
        return tuple(
            HeldEvent(each.saga_id, each.definition, each.key, each.at, each.type, each.payload)
            for each in self.by_key.values()
            if each.standing is Standing.HANDED_ON
        )

    def take(self) -> list[EventState]:
        """What has become told since the last time."""
        telling, self.telling = self.telling, []
        return telling

    def _held(self) -> list[EventState]:
        return [event for event in self.by_key.values() if event.standing is Standing.HELD] if self.by_key else []

    def _tell(self, event: EventState) -> None:
        event.standing = Standing.TOLD
        self.telling.append(event)


class OutboxEvent(NamedTuple):
    """An event as it stands in the outbox.

    Attributes:
        event_id: 32 hexadecimal digits; the same at every delivery.
        saga_id: the saga that it is about: the events of one saga are told in order.
        definition: of the saga.
        type: the full name of its message.
        at: when it happened, nanoseconds since the epoch, UTC.
        provisional: it was told while its saga could still roll back.
        traceparent: the trace context of the saga's root span, or empty.
        payload: the serialized message.
    """

    event_id: str
    saga_id: str
    definition: str
    type: str
    at: int
    provisional: bool
    traceparent: str
    payload: bytes


def event_id(saga_id: str, key: str) -> str:
    """The id of the event with this key: 32 hexadecimal digits."""
    return blake2b(f"{saga_id}\n{key}".encode(), digest_size=16).hexdigest()


def event_key(kind: str) -> str:
    """What the keys of events of this type begin with, after their scope."""
    return f"event:{kind}"
