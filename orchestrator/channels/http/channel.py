"""The way to participants over HTTP/1.1, with JSON.

::

    the journalled bytes ─▶ request message ─▶ method, path, query, body    by the command's HTTP rule
    metadata ─▶ headers of the same names; the deadline ─▶ request-timeout
    200 … ─▶ JSON ─▶ reply message ─▶ its bytes;  any other status ─▶ outcome, by the table in ``status``

What is written for one command's bytes is the same at every attempt, byte for byte, as long as its rule is.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import httpx2

from orchestrator.channels.http.caller import HttpCaller, UnmappedCaller
from orchestrator.channels.http.connections import ChannelClosed, Connections
from orchestrator.channels.http.settings import DEFAULT_SETTINGS, HttpSettings
from orchestrator.channels.silent_health import SilentHealth
from orchestrator.contract.http_rule import rule_of
from orchestrator.participant.http_answers import HEALTH_PATH

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.ports.channel import Caller

_HEALTH_SECONDS: Final = 1.0
_SAYS: Final = {200: True, 204: True, 503: False}


class HttpChannel:
    """The way to the participants at one address; see :class:`orchestrator.ports.channel.Channel`.

    Args:
        scheme: ``http`` or ``https``.
        target: ``host:port``, and the path under which they are, if they are under one.
        settings: how they are reached.

    Attributes:
        address: with its scheme.

    Raises:
        SettingsError: the target is no such thing.
    """

    def __init__(self, scheme: str, target: str, settings: HttpSettings = DEFAULT_SETTINGS) -> None:
        self.address = f"{scheme}://{target}"
        self._settings = settings
        self._connections = Connections(scheme, target, settings)
        self._silent_health = SilentHealth()

    def caller(self, command: Command) -> Caller:
        """See the port. A command without an HTTP rule gets a caller, too: it is for sagas that never send it."""
        rule = rule_of(command)
        if rule is None:
            return UnmappedCaller(command)
        return HttpCaller(self._connections, command, rule, self._settings)

    async def is_serving(self, service: str) -> bool | None:
        """See the port."""
        url = self._connections.url(f"{HEALTH_PATH}?service={quote(service)}")
        try:
            answer = await self._connections.send("GET", url, (), None, _HEALTH_SECONDS, alone=True)
        except TimeoutError:
            # Somebody took the connection, and may have no health to tell.
            return None if self._silent_health.is_doubted(service, time.monotonic()) else False
        except (httpx2.RequestError, ChannelClosed):
            self._silent_health.end(service)
            return False
        self._silent_health.end(service)
        return _SAYS.get(answer.status)

    async def close(self) -> None:
        """See the port."""
        await self._connections.close()
        await asyncio.sleep(0)  # calls that were under way learn of it
