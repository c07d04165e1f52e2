"""The connections that are secured in one way: those that are kept alive, and those for one request each.

The client has a pool of its own, which looks at all of its connections for each request. So each of its pools holds one
connection here, and the one that was used last is used next: a request costs the same, however many there are.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    import ssl


class Pool:
    """Connections to one address. How many there are is bounded by the calls in flight to one participant.

    Args:
        context: what they are secured with; ``None`` for nothing.
        idle: seconds for which one without a call is kept.
    """

    __slots__ = ("_calls", "_closing", "_context", "_ended", "_idle", "_kept", "_timer")

    def __init__(self, context: ssl.SSLContext | None, idle: float) -> None:
        self._context = context
        self._idle = idle
        self._kept: list[tuple[httpx2.AsyncHTTPTransport, float]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._calls = 0
        self._ended = asyncio.Event()

    async def send(
        self, request: httpx2.Request, most_bytes: int, *, alone: bool
    ) -> tuple[httpx2.Response, bytes | None]:
        """Write one request, once, and read the response; no body where it has more bytes than may be.

        Raises:
            httpx2.RequestError: the connection could not be made, broke, or carried what is no HTTP.
        """
        self._calls += 1
        connection = self._kept.pop()[0] if self._kept and not alone else self._new()
        try:
            response = await connection.handle_async_request(request)
            try:
                return response, await _body(response, most_bytes)
            finally:
                await response.aclose()
        finally:
            self._calls -= 1
            self._ended.set()
            if alone:
                self._let_go(connection)
            else:
                self._keep(connection)

    async def drain(self) -> None:
        """Close the connections, once their calls have ended."""
        try:
            while self._calls:
                self._ended.clear()
                await self._ended.wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connections; those with calls close when the calls have ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._idle = 0
        self._let_go_idle()
        await asyncio.gather(*self._closing)

    def _new(self) -> httpx2.AsyncHTTPTransport:
        limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=self._idle)
        return httpx2.AsyncHTTPTransport(verify=self._context or False, limits=limits, retries=0)

    def _keep(self, connection: httpx2.AsyncHTTPTransport) -> None:
        """Have it used again; one that has broken is made anew then."""
        if not self._idle:
            return self._let_go(connection)
        loop = asyncio.get_running_loop()
        self._kept.append((connection, loop.time()))
        if self._timer is None:
            self._timer = loop.call_later(self._idle, self._look)
        return None

    def _look(self) -> None:
        """Close what was idle for too long."""
        self._let_go_idle()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._idle, self._look) if self._kept else None

    def _let_go_idle(self) -> None:
        expired = asyncio.get_running_loop().time() - self._idle
        while self._kept and self._kept[0][1] <= expired:
            self._let_go(self._kept.pop(0)[0])

    def _let_go(self, connection: httpx2.AsyncHTTPTransport) -> None:
        task = asyncio.ensure_future(connection.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _body(response: httpx2.Response, most_bytes: int) -> bytes | None:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > most_bytes:
            return None
    return bytes(body)
