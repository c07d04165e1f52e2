"""A TCP proxy between the orchestrator and a participant that makes the network look bad.

It knows nothing of gRPC: connections are reset, and replies are held up or lost, in the middle of whatever they carry.
And it forgets connections, as firewalls do: they stay open, and nothing passes any more, in either direction.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import random
    import ssl
    from types import TracebackType

_CHUNK: Final = 65_536
# Closed with this, a socket sends a reset instead of a farewell.
_RESET: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class LinkFaults:
    """How likely it is, from 0 to 1, that something happens to a chunk of replies.

    Attributes:
        breaks: a part of it passes, then the connection is reset.
        loses: nothing of it passes, then the connection is reset.
        delays: it passes after up to ``delay`` seconds.
    """

    breaks: float = 0.0
    loses: float = 0.0
    delays: float = 0.0
    delay: float = 0.0


NO_FAULTS: Final = LinkFaults()


class Proxy:
    """Listens on a free port of this machine, and passes on to a target; an async context manager.

    Args:
        target: ``host:port``.
        chance: decides which faults happen.
        tls: with it, those who connect do so over TLS, which ends here.

    Attributes:
        address: where it listens.
        faults: may be changed at any time.
        resets: how many connections it has reset.
        has_reset: is set with the first of them.
        accepted: how many connections were made to it.
    """

    def __init__(
        self,
        target: str,
        chance: random.Random,
        faults: LinkFaults = NO_FAULTS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.faults = faults
        self.resets = 0
        self.has_reset = asyncio.Event()
        self.accepted = 0
        self._forgotten = 0
        self._is_split = False
        self.address = ""
        self._target = target
        self._tls = tls
        self._chance = chance
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    def forget(self) -> None:
        """Pass nothing more on the connections that there are; those to come work."""
        self._forgotten = self.accepted

    def split(self) -> None:
        """Pass nothing, and take no connection, until it is healed; those that there are stay open."""
        self._is_split = True
        self.forget()

    def heal(self) -> None:
        """End a split; connections that were made before stay forgotten."""
        self._is_split = False

    def cut(self) -> None:
        """Break off the connections that there are, in the middle of whatever they carry; those to come work."""
        for connection in self._connections:
            connection.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._is_split:
            writer.transport.abort()
            return
        self._connections.add(task)
        self.accepted += 1
        # A connection that breaks is what this is about.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._serve(reader, writer, self.accepted)
        writer.transport.abort()  # it may have ended before there was anything behind it
        self._connections.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        host, _, port = self._target.rpartition(":")
        try:
            behind_reader, behind_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        requests = asyncio.ensure_future(self._request(reader, behind_writer, number))
        replies = asyncio.ensure_future(self._reply(behind_reader, writer, number))
        try:
            await asyncio.wait((requests, replies), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in (writer, behind_writer):
                end.transport.abort()
            for direction in (requests, replies):
                direction.cancel()
            await asyncio.gather(requests, replies, return_exceptions=True)

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while chunk := await reader.read(_CHUNK):
            if number > self._forgotten:
                writer.write(chunk)
                await writer.drain()

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while chunk := await reader.read(_CHUNK):
            if number <= self._forgotten:
                continue
            faults, drawn = self.faults, self._chance.random()
            if drawn < faults.breaks + faults.loses:
                if drawn < faults.breaks:
                    writer.write(chunk[: self._chance.randrange(len(chunk))])
                    await writer.drain()
                self.resets += 1
                self.has_reset.set()
                return _reset_when_closed(writer)
            if self._chance.random() < faults.delays:
                await asyncio.sleep(self._chance.uniform(0, faults.delay))
            writer.write(chunk)
            await writer.drain()
        return None


def _reset_when_closed(writer: asyncio.StreamWriter) -> None:
    opened: socket.socket = writer.get_extra_info("socket")
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
