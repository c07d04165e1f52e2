"""A broker of events in memory, which does what a real one may do: it loses answers, delivers twice, and goes away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from services.chassis.database import Database
from services.chassis.events.broker import BrokerAway, Wanted
from services.chassis.events.claims import RENEWED_EVERY
from services.chassis.migration import migrate
from services.inventory.__main__ import SERVICE as INVENTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.chassis.event import Event

IDLE: Final = frozenset({1.0, 3.0, RENEWED_EVERY.total_seconds()})
"""Pauses after which something is looked at once more, though nothing has failed."""


async def until(seen: Callable[[], bool]) -> None:
    """Return once this is true of what other tasks do."""
    while not seen():  # noqa: ASYNC110 - what is looked at are plain lists
        await asyncio.sleep(0)


class Pauses:
    """Pauses that are over at once; those of idleness never are."""

    def __init__(self) -> None:
        self.made: list[float] = []

    async def __call__(self, seconds: float) -> None:
        if seconds in IDLE:
            await asyncio.get_running_loop().create_future()
        self.made.append(seconds)
        await asyncio.sleep(0)


@dataclass
class MemoryDelivery:
    """An event, delivered."""

    feed: MemoryFeed
    place: int
    deliveries: int
    headers: Mapping[str, str]
    data: bytes
    held: int = 0

    async def settle(self) -> None:
        self.feed.settled.append(self.place)
        self.feed.pending.pop(self.place, None)
        self.feed.changed.set()

    async def hold(self) -> None:
        self.held += 1


class MemoryFeed:
    """What one subscription hears."""

    def __init__(self, broker: MemoryBroker, wanted: Wanted) -> None:
        self._broker = broker
        self._wanted = wanted
        self._next = 0
        self._again: list[int] = []
        self.pending: dict[int, int] = {}
        self.settled: list[int] = []
        self.changed = asyncio.Event()

    async def fetch(self, most: int) -> Sequence[MemoryDelivery]:
        while True:
            if self._broker.away:
                raise BrokerAway("the broker is away")
            if places := self._deliverable()[:most]:
                return [self._delivered(place) for place in places]
            self.changed.clear()
            await self.changed.wait()

    async def unsettled(self) -> int:
        if self._broker.away:
            raise BrokerAway("the broker is away")
        return len(self.pending)

    def deliver_again(self, *places: int) -> None:
        """What is not settled, or these, in this order."""
        self._again += places or sorted(self.pending)
        self.changed.set()

    async def all_settled(self) -> None:
        """Return once every event of the stream is settled."""
        await until(lambda: set(range(self._broker.size)) == set(self.settled))

    def _deliverable(self) -> list[int]:
        new = range(self._next, self._broker.size)
        return [*new, *self._again] if self._broker.new_first else [*self._again, *new]

    def _delivered(self, place: int) -> MemoryDelivery:
        if place in self._again:
            self._again.remove(place)
        self._next = max(self._next, place + 1)
        self.pending[place] = self.pending.get(place, 0) + 1
        headers, data = self._broker.events[place]
        return MemoryDelivery(self, place, self.pending[place], headers, data)


@dataclass
class MemoryBroker:
    """A stream in memory.

    Attributes:
        events: headers and bodies, in the order of their arrival.
        sent: the ids of all that was sent, repetitions included.
        away: it answers nobody.
        new_first: what is new is delivered before what is delivered again, as a real stream may do.
        before: is called with each event before it is stored.
        after: is called with each event when it is stored; what it raises is a lost answer.
    """

    events: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    away: bool = False
    new_first: bool = False
    before: Callable[[Event], None] = lambda _event: None
    after: Callable[[Event], None] = lambda _event: None
    feeds: list[MemoryFeed] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.events)

    @property
    def ids(self) -> list[str]:
        """Of what is stored, in order."""
        return [headers["ce-id"] for headers, _ in self.events]

    async def send(self, event: Event) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise BrokerAway("the broker is away")
        self.before(event)
        self.sent.append(event.id)
        if event.id not in self.ids:
            self.put(event.headers(), event.data)
        self.after(event)

    def put(self, headers: Mapping[str, str], data: bytes) -> None:
        """Let anything stand in the stream."""
        self.events.append((headers, data))
        for feed in self.feeds:
            feed.changed.set()

    def feed(self, wanted: Wanted) -> MemoryFeed:
        feed = MemoryFeed(self, wanted)
        self.feeds.append(feed)
        return feed


async def event_database(url: str) -> Database:
    """A database of a service, with the tables of events."""
    return await Database.open(url, prepare=partial(migrate, migrations=INVENTORY.migrations))
