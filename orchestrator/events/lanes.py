"""The events of one saga on their way to one sink, one after another.

Invariant: an event is told only when the one before it was taken, and only while the claim to the sink is sure to last
longer than the telling. One that the sink does not want is passed over, also where the sink takes nothing: that says
nothing of the sink, so nobody is told of it as of a delivery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.ports.sink import NotTaken

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from orchestrator.ports.outbox import KeptEvent
    from orchestrator.ports.sink import Sink


class LaneEnd(NamedTuple):
    """How far a lane has come.

    Attributes:
        taken: how many of its events are done with: the sink has taken them, or does not want them.
        failed: the event after those, and how it failed; ``None`` where it was not told.
    """

    taken: int
    failed: tuple[KeptEvent, NotTaken] | None = None


class Lane:
    """Some events of one saga, one at least.

    Args:
        saga_id: the saga.
        events: what the sink is to be told, in order.
        letter: it is a dead letter that is tried again, apart from the other events of its saga.
    """

    __slots__ = ("_taken", "events", "letter", "saga_id")

    def __init__(self, saga_id: str, events: Sequence[KeptEvent], *, letter: bool = False) -> None:
        self.saga_id = saga_id
        self.events = events
        self.letter = letter
        self._taken = 0

    @property
    def next_position(self) -> int:
        """Of the event that is told next, or now."""
        return self.events[min(self._taken, len(self.events) - 1)].position

    async def tell(
        self,
        sink: Sink,
        room: asyncio.Semaphore,
        may_tell: Callable[[], bool],
        note: Callable[[KeptEvent, NotTaken | None], None],
    ) -> LaneEnd:
        """Tell the events until one is not taken.

        Args:
            sink: whom.
            room: for deliveries that are under way at once.
            may_tell: whether one more may be told now.
            note: told of each delivery.
        """
        for event in self.events:
            if not sink.wants(event.event.type):
                self._taken += 1
                continue
            async with room:
                if not may_tell():
                    return LaneEnd(self._taken)
                try:
                    failure = await sink.tell(event)
                except Exception as error:  # noqa: BLE001 - whatever it is, it holds up no other saga
                    failure = NotTaken(f"{type(error).__name__}: {error}", answered=True)
            note(event, failure)
            if failure is not None:
                return LaneEnd(self._taken, (event, failure))
            self._taken += 1
        return LaneEnd(self._taken)
