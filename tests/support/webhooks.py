"""A receiver of webhooks on loopback, that answers as a test says and remembers what it was sent."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

_OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Post(NamedTuple):
    """What was sent."""

    target: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A receiver.

    Attributes:
        posts: what it was sent, in order.
        answer: the bytes that it answers with; none: it does not answer, and keeps the connection.
        url: where it is.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.answer: Callable[[Post], bytes] = lambda _post: _OK
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the requests of one connection."""
        try:
            while (line := await reader.readline()).strip():
                target = line.split()[1].decode()
                headers: dict[str, str] = {}
                while (header := (await reader.readline()).decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                post = Post(target, headers, await reader.readexactly(int(headers.get("content-length", 0))))
                self.posts.append(post)
                writer.write(self.answer(post))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that takes webhooks; over TLS, where that is given."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()


def answer(status: str, body: str = "", **headers: str) -> bytes:
    """An answer with a status line such as ``500 Oops``."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body.encode())}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join([*lines, "", ""]) + body).encode()
