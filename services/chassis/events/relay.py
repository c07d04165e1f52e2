"""The relay: it sends what waits in the outbox to the broker, and marks it as sent.

Invariant: an event is marked only after the broker has said that it is durable; until then it is sent again, with the
same id. Of one subject, the next is sent only when the one before has arrived; what is about different subjects is sent
side by side. A relay that falls behind says so in the log, once a minute.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

from services.chassis.database import Database
from services.chassis.errors import Unavailable
from services.chassis.events.broker import Broker, BrokerAway
from services.chassis.events.outbox import Waiting, backlog, forget_sent, mark_sent, unsent
from services.chassis.events.pauses import Pause, seconds_before
from services.chassis.timestamps import Clock, utc_now

_LOGGER = logging.getLogger(__name__)

BATCH: Final = 200
KEPT: Final = timedelta(days=7)
"""How long what was sent stays in the outbox, for a broker that has lost it after all."""
_LOOK_SECONDS: Final = 1.0
"""After which the outbox is read without having been woken: another process of the service may have written there."""
_FORGET_EVERY: Final = timedelta(hours=1)
LATE: Final = timedelta(minutes=1)
"""An event that has waited for so long is late. So often the relay looks whether one has."""


class Relay:
    """The relay of one service.

    Args:
        database: with the outbox.
        broker: where to.
        pause: waits before the broker or the database is asked again.
        clock: the time.
    """

    def __init__(
        self, database: Database, broker: Broker, *, pause: Pause = asyncio.sleep, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._broker = broker
        self._pause = pause
        self._clock = clock
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._forgot_at = self._looked_at = clock()
        self._is_late = False

    def wake(self) -> None:
        """Something was committed; may be called in any thread."""
        with suppress(RuntimeError):  # the loop has ended, and with it this process: the next one sends it
            self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Send for ever."""
        failures = 0
        while True:
            try:
                await self._tell_backlog()
                waited = await self.send_waiting()
                failures = 0
            except (BrokerAway, Unavailable) as error:
                failures += 1
                _LOGGER.log(logging.WARNING if failures == 1 else logging.DEBUG, "events wait in the outbox: %s", error)
                await self._pause(seconds_before(failures + 1))
                continue
            if not waited:
                await self._asked()

    async def send_waiting(self) -> int:
        """Send what waits, as much as is read at once; how many events that was.

        Raises:
            BrokerAway: not all of it could be sent.
            Unavailable: the database is away.
        """
        self._woken.clear()
        waiting = await self._database.read(partial(unsent, most=BATCH))
        if not waiting:
            await self._forget()
            return 0
        sent: list[int] = []
        try:
            await self._send(waiting, sent)
        finally:
            if sent:
                await self._database.transaction(partial(mark_sent, positions=sent, at=self._clock()))
        return len(sent)

    async def _send(self, waiting: Sequence[Waiting], sent: list[int]) -> None:
        by_subject: dict[str, list[Waiting]] = defaultdict(list)
        for each in waiting:
            # What is about nothing in particular has no order to keep.
            by_subject[each.event.subject or each.event.id].append(each)
        ends = await asyncio.gather(
            *(self._send_in_order(each, sent) for each in by_subject.values()), return_exceptions=True
        )
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _send_in_order(self, waiting: Iterable[Waiting], sent: list[int]) -> None:
        for position, event in waiting:
            await self._broker.send(event)
            sent.append(position)

    async def _tell_backlog(self) -> None:
        """Say in the log that events are late, and when they no longer are."""
        now = self._clock()
        if now - self._looked_at < LATE:
            return
        self._looked_at = now
        waiting = await self._database.read(backlog)
        if waiting.since is not None and now - waiting.since >= LATE:
            seconds = (now - waiting.since).total_seconds()
            _LOGGER.warning("events are late: %d wait in the outbox, the oldest for %d s", waiting.events, seconds)
            self._is_late = True
        elif self._is_late:
            _LOGGER.info("events are late no more")
            self._is_late = False

    async def _asked(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._woken.wait()

    async def _forget(self) -> None:
        now = self._clock()
        if now - self._forgot_at > _FORGET_EVERY:
            self._forgot_at = now
            await self._database.transaction(partial(forget_sent, before=now - KEPT))
