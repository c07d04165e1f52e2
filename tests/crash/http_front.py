"""Who answers over HTTP in a participant's place: a gateway, a login page, a connection that breaks too soon."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

import h11

if TYPE_CHECKING:
    import random
    from types import TracebackType

_STATUSES: Final = (401, 403, 404, 405, 501, 502, 503)
_BREAKS: Final = 0
_LOGIN_PAGE: Final = 200
_PAGE: Final = b"<html>Who are you?</html>"
_SAGA: Final = b"saga-id"
_CHUNK: Final = 65_536
_HOPS: Final = frozenset({b"transfer-encoding", b"connection", b"content-length"})


class HttpFront:
    """Stands before a participant over HTTP, and sometimes answers itself; an async context manager.

    Args:
        target: the participant's URL.
        chance: decides.
        share: of all calls of sagas to which something happens, from 0 to 1.

    Attributes:
        url: where it listens.
        interfered: how often it did something else than pass: the status, or 0 for an answer that was lost.
    """

    def __init__(self, target: str, chance: random.Random, share: float) -> None:
        self.url = ""
        self.interfered = Counter[int]()
        self._target = urlsplit(target)
        self._chance = chance
        self._share = share
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with suppress(OSError, asyncio.CancelledError, h11.RemoteProtocolError):
            await self._serve(reader, writer)
        writer.transport.abort()
        self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One call for each connection: who calls opens another one for the next."""
        ours = h11.Connection(h11.SERVER)
        request, body = await _read(ours, reader)
        if not isinstance(request, h11.Request):
            return
        act = self._drawn() if _SAGA in dict(request.headers) else None
        response, content = _told(act)
        if act in {None, _BREAKS, _LOGIN_PAGE}:
            passed = await self._passed_on(request, body)
            response, content = passed if act is None else (response, content)
        if act is not None:
            self.interfered[act] += 1
            if act == _BREAKS:
                return
        headers = [*(each for each in response.headers if each[0] not in _HOPS), (b"connection", b"close")]
        headers.append((b"content-length", str(len(content)).encode()))
        for event in (
            h11.Response(status_code=response.status_code, headers=headers),
            h11.Data(data=content),
            h11.EndOfMessage(),
        ):
            writer.write(ours.send(event) or b"")
        await writer.drain()

    def _drawn(self) -> int | None:
        if self._chance.random() >= self._share:
            return None
        # Half of the calls are lost: what a front says matters most to a caller that does not know what came before.
        return _BREAKS if self._chance.random() < 1 / 2 else self._chance.choice((*_STATUSES, _LOGIN_PAGE))

    async def _passed_on(self, request: h11.Request, body: bytes) -> tuple[h11.Response, bytes]:
        theirs = h11.Connection(h11.CLIENT)
        reader, writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            for event in (request, h11.Data(data=body), h11.EndOfMessage()):
                writer.write(theirs.send(event) or b"")
            response, content = await _read(theirs, reader)
            assert isinstance(response, h11.Response)
            return response, content
        finally:
            writer.transport.abort()


def _told(act: int | None) -> tuple[h11.Response, bytes]:
    """What a front says itself."""
    return h11.Response(status_code=act or _LOGIN_PAGE, headers=[(b"content-type", b"text/html")]), _PAGE


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Event | None, bytes]:
    """The head and the body of one message; no head where the other side has gone."""
    head: h11.Event | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, (h11.Request, h11.Response)):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            return head, bytes(body)
