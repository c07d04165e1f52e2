"""One subscription: what it hears is handled in the order of what it is about, one subject beside the others.

Invariant: of two events with one subject, the later is handled only when the earlier is settled: it has had its effect,
or is a dead letter.

A stream does not promise that by itself. It delivers again what was delivered and not settled, but only after a while,
and new events before that. Therefore, after each start and each new connection, nothing is handled until all that is
unsettled has arrived here. Then events wait in lanes, one for each subject, and what waits long is held, so that the
stream does not deliver it again.

What is held is bounded, and so is what the stream delivers before it is settled. So a subject with so many events
behind one that is tried again and again stops the others. To keep its events in the service's own database, and to
settle them in the stream, was rejected: their order would then hang on two places, for a handler that should have given
up.
"""

import asyncio
import logging
from collections import deque
from typing import Final, Never, TypeAlias

from services.chassis.errors import Unavailable
from services.chassis.events.broker import BrokerAway, Delivery, Feed
from services.chassis.events.handling import Handling
from services.chassis.events.pauses import Pause, seconds_before

_LOGGER = logging.getLogger(__name__)

MOST_HELD: Final = 100
"""Events of one subscription that are worked on, or wait for that, in this process."""
_HOLD_SECONDS: Final = 3.0
_LOOK_SECONDS: Final = 1.0
_MOST_EMPTY_FETCHES: Final = 30
_SUBJECT: Final = "ce-subject"
_ID: Final = "ce-id"
_Key: TypeAlias = tuple[int, str]


class Subscription:
    """Hears what one handler wants.

    Args:
        feed: what is delivered.
        handling: what is done with it.
        pause: waits.
    """

    def __init__(self, feed: Feed, handling: Handling, *, pause: Pause = asyncio.sleep) -> None:
        self._feed = feed
        self._handling = handling
        self._pause = pause
        self._held: dict[_Key, Delivery] = {}
        self._lanes: dict[str, deque[_Key]] = {}
        self._settled = asyncio.Event()

    async def run(self) -> Never:
        """Hear for ever.

        Raises:
            ExceptionGroup: of ClaimLost, where another process hears now.
        """
        self._held.clear()
        self._lanes.clear()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hold())
            tasks.create_task(self._retry())
            await self._hear(tasks)

    async def _hear(self, tasks: asyncio.TaskGroup) -> Never:
        failures = 0
        while True:
            try:
                for delivery in await self._outstanding():
                    self._take(delivery, tasks)
                while True:
                    fetched = await self._feed.fetch(await self._room())
                    failures = 0
                    for delivery in fetched:
                        self._take(delivery, tasks)
            except BrokerAway as error:
                failures += 1
                level = logging.WARNING if failures == 2 else logging.DEBUG  # noqa: PLR2004 - one is a new connection
                _LOGGER.log(level, "%s hears nothing: %s", self._handling.name, error)
                await self._pause(seconds_before(failures + 1))

    async def _outstanding(self) -> list[Delivery]:
        """All that was delivered, to anybody, and is not settled; with it what came on the way. In order."""
        arrived: dict[_Key, Delivery] = {}
        empty = 0
        while await self._feed.unsettled() > len(arrived.keys() | self._held.keys()) and empty < _MOST_EMPTY_FETCHES:
            fetched = await self._feed.fetch(MOST_HELD)
            empty = 0 if fetched else empty + 1
            arrived |= {_key(delivery): delivery for delivery in fetched}
            for delivery in arrived.values():
                await delivery.hold()
        return [arrived[key] for key in sorted(arrived)]

    async def _room(self) -> int:
        """How many more may be held, as soon as that is one."""
        while len(self._held) >= MOST_HELD:
            self._settled.clear()
            await self._settled.wait()
        return MOST_HELD - len(self._held)

    def _take(self, delivery: Delivery, tasks: asyncio.TaskGroup) -> None:
        key = _key(delivery)
        known = key in self._held
        # The newest delivery is the one that can be settled.
        self._held[key] = delivery
        if known:
            return
        lane = delivery.headers.get(_SUBJECT) or f"place {delivery.place}"
        if lane in self._lanes:
            self._lanes[lane].append(key)
        else:
            self._lanes[lane] = deque((key,))
            tasks.create_task(self._work(lane))

    async def _work(self, lane: str) -> None:
        waiting = self._lanes[lane]
        while waiting:
            key = waiting[0]
            await self._handling.settle(self._held[key])
            await self._held.pop(key).settle()
            waiting.popleft()
            self._settled.set()
        del self._lanes[lane]

    async def _hold(self) -> Never:
        while True:
            await self._pause(_HOLD_SECONDS)
            for delivery in list(self._held.values()):
                await delivery.hold()

    async def _retry(self) -> Never:
        while True:
            try:
                retried = await self._handling.retry_asked()
            except Unavailable:
                retried = False
            if not retried:
                await self._pause(_LOOK_SECONDS)


def _key(delivery: Delivery) -> _Key:
    """What tells an event from others, also where the stream was made anew and counts its places from 1 again."""
    return delivery.place, delivery.headers.get(_ID, "")
