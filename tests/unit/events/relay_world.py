"""A virtual world with an outbox, one sink, and relays between them."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING, TypeVar

from orchestrator.events.relay import Relay
from orchestrator.ports.sink import NotTaken
from orchestrator.store.memory.journal import MemoryJournal, MemoryState
from orchestrator.testing.world.clock import VirtualClock
from orchestrator.testing.world.sink import ScriptedSink
from orchestrator.testing.world.virtual_loop import VirtualLoop
from tests.support.journals import told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from orchestrator.ports.outbox import KeptEvent

T = TypeVar("T")

HOUR = 3600.0
GIVE_UP = 2 * HOUR
DOWN = NotTaken("nobody there", answered=False)
BROKEN = NotTaken("500", answered=True)


class World:
    """An outbox, one sink, and as many relays as a test needs."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.journal = MemoryJournal(self.clock.now, MemoryState())
        self.sink = ScriptedSink()
        self._number = 0

    def tell(self, *saga_ids: str, kind: str = "shop.v1.Sold") -> None:
        """Let these sagas tell one event each."""
        for saga_id in saga_ids:
            self._number += 1
            self.journal.tell([told(self._number, saga_id, at=self.clock.now())._replace(type=kind)])

    def relay(self, owner: str = "a") -> Relay:
        """A relay that has begun."""
        relay = Relay(self.journal, self.sink, self.clock, owner=owner, lease=15.0, give_up_after=GIVE_UP)
        relay.open()
        return relay

    async def die(self, relay: Relay) -> None:
        """End a relay as a killed process ends."""
        assert relay._task is not None
        relay._task.cancel()
        await asyncio.wait([relay._task])


def run(test: Callable[[World], Awaitable[T]], seed: int | None = None) -> T:
    """Run a test in a virtual world; with a seed, what is ready runs in another order."""
    with contextlib.closing(VirtualLoop(None if seed is None else Random(seed))) as loop:

        async def play() -> T:
            return await test(World())

        result = loop.run_until_complete(play())
        loop.sweep()
        return result


def positions(events: Sequence[KeptEvent], saga_id: str = "") -> list[int]:
    return [each.position for each in events if saga_id in ("", each.event.saga_id)]


def first_of_each(events: Sequence[KeptEvent]) -> list[KeptEvent]:
    """The deliveries without the repeated ones."""
    return list(dict.fromkeys(events))
