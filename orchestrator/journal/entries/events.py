"""What a saga tells others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.journal.events import EventState, HeldEvent

if TYPE_CHECKING:
    from orchestrator.journal.state import SagaState


class EventPublished(NamedTuple):
    """The saga's code published an event.

    Attributes:
        key: as that of a command, such as ``event:shop.order.v1.OrderPlaced#1``.
        type: the full name of its message.
        payload: the serialized message.
        at_once: it is not held until the saga can roll back no more.
    """

    at: int
    key: str
    type: str
    payload: bytes
    at_once: bool = False

    def apply(self, state: SagaState) -> None:
        """It is held, or told."""
        event = EventState(state.saga_id, state.definition, self.key, self.type, self.payload, self.at)
        state.events.add(self.key, event, at_once=self.at_once, certain=state.pivoted)


class EventsHandedOn(NamedTuple):
    """A child has completed, and could still roll back: what it holds, this saga holds from now on.

    Attributes:
        key: of the command that the child is.
        events: in the order in which the child published them.
    """

    at: int
    key: str
    events: tuple[HeldEvent, ...]

    def apply(self, state: SagaState) -> None:
        """They are held, or told."""
        for held in self.events:
            about = held.saga_id, held.definition, held.key, held.type, held.payload, held.at
            event = EventState(*about, child=self.key)
            state.events.add(f"{held.saga_id} {held.key}", event, at_once=False, certain=state.pivoted)
