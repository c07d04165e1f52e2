"""Tells in the log why no connection with TLS is made to an address: once a minute, and whenever the reason is another.

gRPC says of most such refusals that the socket was closed, and until somebody looks, commands are sent again and again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from orchestrator.connections.handshake import meet

if TYPE_CHECKING:
    from orchestrator.connections.tls import ClientTls

_log = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 5.0
_TOLD_AGAIN_SECONDS: Final = 60.0


class Explanation:
    """Why an address cannot be connected to.

    Args:
        address: ``host:port``.
        tls: what connections are secured with; without, there is nothing to explain.
    """

    __slots__ = ("_address", "_asked_at", "_asking", "_tls", "_told", "_told_at")

    def __init__(self, address: str, tls: ClientTls | None) -> None:
        self._address = address
        self._tls = tls
        self._asked_at = -_PAUSE_SECONDS
        self._asking: asyncio.Task[None] | None = None
        self._told = ""
        self._told_at = 0.0

    def begin(self) -> None:
        """Look for the reason, unless that was done just now."""
        now = time.monotonic()
        if self._tls is None or self._asking is not None or now - self._asked_at < _PAUSE_SECONDS:
            return
        self._asked_at = now
        self._asking = asyncio.ensure_future(self._ask(self._tls))

    async def close(self) -> None:
        """Look no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self, tls: ClientTls) -> None:
        try:
            met = await meet(self._address, tls)
        finally:
            self._asking = None
        is_old = time.monotonic() - self._told_at > _TOLD_AGAIN_SECONDS
        if met.why and met.is_there and (is_old or met.why != self._told):
            self._told, self._told_at = met.why, time.monotonic()
            _log.error("no connection is made to the participant at %s: %s", self._address, met.why)
