"""Asks the broker for commands: one request at a time, for as many as there is room for.

::

    room for n ──▶ request n ──▶ commands come ──▶ n have come, or the request has ended ──▶ room for n ──▶ …
                       │                                            ▲
                       └── no heartbeat for two of them: it has died ┘

A request that was made of a server that is gone is answered by nobody, and no error tells of it. So the broker sends
heartbeats where it has no command, and where they stop, or the connection was made anew, the request is made again.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

_LOGGER = logging.getLogger(__name__)

_LONGEST: Final = timedelta(seconds=60)
"""So long the broker keeps a request open."""
_HEARTBEAT: Final = timedelta(seconds=3)
_PAUSE: Final = timedelta(seconds=1)
"""Between a request that was refused and the next one."""
_DRAIN: Final = timedelta(seconds=2)
_SECOND: Final = 1_000_000_000

_HEARD: Final = "100"
_ENDED: Final = frozenset({"404", "408"})
"""A request that has ended as it should: there were too few commands."""
_NOBODY: Final = "503"


class Pulling:
    """Pulls commands from one consumer.

    Args:
        connection: to the broker.
        stream: the stream of the commands.
        consumer: the durable consumer of the service, which its processes share.
        room: returns how many commands may come, as soon as one may.
        take: takes one that has come.
    """

    def __init__(
        self,
        connection: Client,
        stream: str,
        consumer: str,
        *,
        room: Callable[[], Awaitable[int]],
        take: Callable[[Msg], None],
    ) -> None:
        self._connection = connection
        self._names = f"consumer {consumer} of stream {stream}"
        self._request = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = connection.new_inbox()
        self._room = room
        self._take = take
        self._number = 0
        self._left = 0
        self._refused = ""
        self._heard = asyncio.Event()
        self.works = False
        """Whether the last request was accepted."""

    async def run(self) -> None:
        """Pull until this is cancelled; then commands that are on their way are still taken."""
        subscription = await self._connection.subscribe(f"{self._inbox}.*", cb=self._arrived)
        try:
            while True:
                await self._pull(await self._room())
                if self._refused:
                    self._complain()
                    await asyncio.sleep(_PAUSE.total_seconds())
        finally:
            with contextlib.suppress(nats.errors.Error, TimeoutError):
                async with asyncio.timeout(_DRAIN.total_seconds()):
                    await subscription.drain()  # type: ignore[no-untyped-call]

    def renew(self) -> None:
        """The connection was made anew: what was asked for on the old one is asked for again."""
        self._left = 0
        self._heard.set()

    async def _pull(self, most: int) -> None:
        # What is asked for while there is no connection is sent later, all at once.
        while not self._connection.is_connected:
            self._heard.clear()
            await self._heard.wait()
        self._number += 1
        self._left, self._refused = most, ""
        wanted = {
            "batch": most,
            "expires": int(_LONGEST.total_seconds() * _SECOND),
            "idle_heartbeat": int(_HEARTBEAT.total_seconds() * _SECOND),
        }
        await self._connection.publish(self._request, json.dumps(wanted).encode(), f"{self._inbox}.{self._number}")
        while self._left > 0:
            self._heard.clear()
            try:
                async with asyncio.timeout(2 * _HEARTBEAT.total_seconds()):
                    await self._heard.wait()
            except TimeoutError:
                _LOGGER.info("nothing is heard of %s; asking again", self._names)
                self.works = False
                return

    async def _arrived(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status") if message.subject.startswith(self._inbox) else None
        if status is None:
            self._left -= 1
            self.works = True
            self._take(message)
        elif message.subject != f"{self._inbox}.{self._number}":
            return  # it ends an earlier request
        elif status == _HEARD:
            self.works = True
        else:
            self._left = 0
            if status not in _ENDED:
                told = (message.headers or {}).get("Description", "")
                self._refused = "it does not exist" if status == _NOBODY else f"{status} {told}".strip()
        self._heard.set()

    def _complain(self) -> None:
        if self.works or self._number == 1:
            _LOGGER.warning("no commands come from %s: %s", self._names, self._refused)
        self.works = False
