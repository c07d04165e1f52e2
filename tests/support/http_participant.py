"""A participant over HTTP that does as a test tells it, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable
    from types import TracebackType

_HEAD: Final = b"\r\n\r\n"


class Request(NamedTuple):
    """A request as it came.

    Attributes:
        line: method and target, such as ``POST /rooms``.
        headers: by their names in lower case.
        body: what followed them.
        connection: the number of its connection, from 1.
        caller: the names in the certificate of who sent it.
    """

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int
    caller: tuple[str, ...] = ()


def response(status: int, body: bytes | str = b"", **headers: str) -> bytes:
    """A whole response; the names of headers are written with ``_`` for ``-``."""
    content = body.encode() if isinstance(body, str) else body
    length = [] if status == HTTPStatus.NO_CONTENT else [f"content-length: {len(content)}"]
    lines = [f"HTTP/1.1 {status} Whatever", *length]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


async def empty(_request: Request) -> bytes:
    return response(200, b"{}", content_type="application/json")


class HttpParticipant:
    """Listens on a free port of this machine; an async context manager.

    Attributes:
        answer: gives the bytes of a response; ``None`` closes the connection without one.
        requests: those that have come.
        answered: is set with the first answer that was given.
        connections: how many were made.
        address: ``host:port``.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answer: Callable[[Request], Awaitable[bytes | None]] = empty
        self.requests: list[Request] = []
        self.answered = asyncio.Event()
        self.connections = 0
        self.address = ""
        self._tls = tls
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
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
        await self.cut()
        await self._server.wait_closed()

    def always(self, status: int, body: bytes | str = b"{}", **headers: str) -> None:
        """Answer everything with this."""

        async def answer(_request: Request) -> bytes:
            return response(status, body, **headers)

        self.answer = answer

    async def close(self) -> None:
        """Close the connections that there are; what was answered on them arrives before."""
        for writer in self._open.values():
            writer.close()
        await asyncio.gather(*self._open)

    async def cut(self) -> None:
        """Break off the connections that there are."""
        for task, writer in self._open.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._open)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            caller = _names(writer)
            while True:
                request = (await _read(reader, number))._replace(caller=caller)
                self.requests.append(request)
                answer = await self.answer(request)
                if answer is None:
                    break
                writer.write(answer)
                self.answered.set()
                await writer.drain()
        self._open.pop(task)
        writer.transport.abort()


def _names(writer: asyncio.StreamWriter) -> tuple[str, ...]:
    shown = writer.get_extra_info("peercert") or {}
    return tuple(name for _, name in shown.get("subjectAltName", ()))


async def _read(reader: asyncio.StreamReader, connection: int) -> Request:
    head = await reader.readuntil(_HEAD)
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(first.rpartition(" ")[0], headers, body, connection)
