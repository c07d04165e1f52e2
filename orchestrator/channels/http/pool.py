"""The connections that are secured in one way: those that are kept alive, and those for one request each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    import ssl


class Pool:
    """Connections to one address.

    Args:
        context: what they are secured with; ``None`` for nothing.
        idle: seconds for which one without a call is kept.
    """

    __slots__ = ("_calls", "_ended", "_fresh", "_kept")

    def __init__(self, context: ssl.SSLContext | None, idle: float) -> None:
        verify = context or False
        # How many there are is bounded by the calls that may be in flight to one participant.
        kept = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=idle)
        fresh = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        self._kept = httpx2.AsyncHTTPTransport(verify=verify, limits=kept, retries=0)
        self._fresh = httpx2.AsyncHTTPTransport(verify=verify, limits=fresh, retries=0)
        self._calls = 0
        self._ended = asyncio.Event()

    async def send(
        self, request: httpx2.Request, most_bytes: int, *, alone: bool
    ) -> tuple[httpx2.Response, bytes | None]:
        """Write one request, once, and read the response; no body where it has more bytes than may be.

        Raises:
            httpx2.TransportError: the connection could not be made, or broke.
        """
        self._calls += 1
        try:
            response = await (self._fresh if alone else self._kept).handle_async_request(request)
            try:
                return response, await _body(response, most_bytes)
            finally:
                await response.aclose()
        finally:
            self._calls -= 1
            self._ended.set()

    async def drain(self) -> None:
        """Close the connections, once their calls have ended."""
        try:
            while self._calls:
                self._ended.clear()
                await self._ended.wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connections; calls that are under way break."""
        await self._kept.aclose()
        await self._fresh.aclose()


async def _body(response: httpx2.Response, most_bytes: int) -> bytes | None:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > most_bytes:
            return None
    return bytes(body)
