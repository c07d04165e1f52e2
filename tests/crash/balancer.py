"""A load balancer in front of a participant: it passes connections on, or answers HTTP itself, without gRPC's status.

What HTTP says becomes a gRPC status in the client: 401 is UNAUTHENTICATED, 403 PERMISSION_DENIED, 404 UNIMPLEMENTED,
502 UNAVAILABLE, 501 UNKNOWN. So this speaks just enough of HTTP/2 to say it: each request is answered on its headers,
which need not be read for that.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from tests.support.proxy import NO_FAULTS, LinkFaults, Proxy

if TYPE_CHECKING:
    import asyncio
    import random
    from collections.abc import Iterator

PASS_ON: Final = 0
STATUSES: Final = (401, 403, 404, 501, 502)
"""What it may answer."""

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD_BYTES: Final = 9
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
_ACK, _END_STREAM, _END_HEADERS = 0x1, 0x1, 0x4
# Literals that are not indexed, with names from HPACK's static table: 8 is :status, 31 content-type.
_STATUS_NAME: Final = b"\x08"
_CONTENT_TYPE: Final = b"\x0f\x10\x09text/html"


class Balancer(Proxy):
    """Passes connections on, or answers in the participant's place; an async context manager.

    Attributes:
        status: what it answers, or ``PASS_ON``.
        answered: how many requests it has answered itself.
    """

    def __init__(self, target: str, chance: random.Random, faults: LinkFaults = NO_FAULTS) -> None:
        super().__init__(target, chance, faults)
        self.status = PASS_ON
        self.answered = 0

    def turn(self, status: int) -> None:
        """From now on answer this, or pass on. Connections break, with whatever they carry."""
        self.status = status
        for connection in self._connections:
            connection.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if self.status == PASS_ON:
            return await super()._serve(reader, writer, number)
        try:
            await self._speak_http(reader, writer)
        except EOFError:
            return None
        finally:
            writer.transport.abort()

    async def _speak_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(_PREFACE))
        writer.write(_frame(_SETTINGS))
        while True:
            head = await reader.readexactly(_HEAD_BYTES)
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            content = await reader.readexactly(int.from_bytes(head[:3], "big"))
            for frame in self._answers(kind, flags, stream, content):
                writer.write(frame)
            await writer.drain()

    def _answers(self, kind: int, flags: int, stream: int, content: bytes) -> Iterator[bytes]:
        if kind == _HEADERS:
            self.answered += 1
            code = str(self.status).encode()
            headers = _STATUS_NAME + bytes([len(code)]) + code + _CONTENT_TYPE
            yield _frame(_HEADERS, _END_STREAM | _END_HEADERS, stream, headers)
            if not flags & _END_STREAM:
                yield _frame(_RST_STREAM, 0, stream, struct.pack(">I", 0))  # no error; say no more
        elif kind == _DATA and content:
            yield _frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", len(content)))
        elif kind in {_SETTINGS, _PING} and not flags & _ACK:
            yield _frame(kind, _ACK, 0, content if kind == _PING else b"")


def _frame(kind: int, flags: int = 0, stream: int = 0, content: bytes = b"") -> bytes:
    return len(content).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + content
