"""What a service does about events while it serves: it relays its own, and hears those of others.

One process of a service does so at a time, the one that has the claim; the others wait for it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final, Never

from services.chassis.errors import Unavailable
from services.chassis.events import inbox
from services.chassis.events.broker import Broker, BrokerAway, Wanted
from services.chassis.events.claims import RENEWED_EVERY, ClaimLost
from services.chassis.events.handlers import Handler
from services.chassis.events.handling import Handling, Surroundings
from services.chassis.events.relay import Relay
from services.chassis.events.subscription import Subscription

_LOGGER = logging.getLogger(__name__)

BEGINNING: Final = datetime.fromtimestamp(0, UTC)
"""The instant from which on a subscription hears everything that the stream still has."""
_AFTER_ERROR_SECONDS: Final = 5.0
_LAST_SECONDS: Final = 2.0


class EventTraffic:
    """Relays and hears the events of one service.

    Args:
        broker: where the events are.
        relay: sends what the service tells.
        handlers: what the service hears.
        around: what they share.
        since: from when on a subscription hears events that begins now.
    """

    def __init__(
        self, broker: Broker, relay: Relay, handlers: Sequence[Handler], around: Surroundings, *, since: datetime
    ) -> None:
        self._broker = broker
        self._relay = relay
        self._handlers = handlers
        self._around = around
        self._since = since

    async def run(self) -> Never:
        """Do so for ever, whenever this process has the claim."""
        while True:
            try:
                if await self._around.claim.take():
                    await self._work()
            except* ClaimLost:
                _LOGGER.warning("another process of %s relays and hears its events now", self._around.service)
            except* Unavailable:
                pass  # the database is away, which it has said itself
            except* Exception:
                _LOGGER.exception("the events of %s stopped, and go on in a moment", self._around.service)
                await self._around.pause(_AFTER_ERROR_SECONDS)
            await self._around.pause(RENEWED_EVERY.total_seconds())

    async def finish(self) -> None:
        """Send what the last calls have left in the outbox, if that is quick, and let another process go on."""
        with suppress(BrokerAway, Unavailable, TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                if await self._around.claim.take():
                    while await self._relay.send_waiting():
                        pass
                    await self._around.claim.give_back()

    async def _work(self) -> None:
        subscriptions = [await self._subscription(handler) for handler in self._handlers]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew())
            tasks.create_task(self._relay.run())
            for subscription in subscriptions:
                tasks.create_task(subscription.run())

    async def _subscription(self, handler: Handler) -> Subscription:
        handling = Handling(handler, self._around)
        begin = partial(inbox.begin, subscription=handling.name, since=self._since)
        since = await self._around.database.transaction(begin)
        feed = self._broker.feed(Wanted(handling.name, handler.types, since))
        return Subscription(feed, handling, pause=self._around.pause)

    async def _renew(self) -> Never:
        while True:
            await self._around.pause(RENEWED_EVERY.total_seconds())
            with suppress(Unavailable):
                if not await self._around.claim.take():
                    raise ClaimLost


@asynccontextmanager
async def moving(traffic: EventTraffic) -> AsyncIterator[None]:
    """Relay and hear while the block runs."""
    running = asyncio.create_task(traffic.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait((running,))
        await traffic.finish()
