"""A stream of replies over HTTP: as lines of JSON, or as server-sent events where the caller accepts those.

| the stream has   | a line                | an event                             |
|------------------|-----------------------|--------------------------------------|
| one more message | ``{"result": {...}}`` | ``data: {...}``                      |
| a refusal        | ``{"error": {...}}``  | ``event: error``, ``data: {...}``    |
| come to its end  | nothing               | ``event: end``, with no data         |
| nothing to tell  | an empty line         | a comment; both every 15 seconds     |

A refusal is a problem detail, and ends the stream. Where the stream ends without a word of it, and without ``end``, the
connection was lost. A browser asks again by itself for events that have ended; ``end`` tells it to close instead.

The status of the response is sent with the first part: with a message, or after a second without one. So a refusal that
comes at once has a status of its own.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.api.over_http.problems import problem_of
from orchestrator.participant.transcoding.documents import written

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping

    from google.rpc import status_pb2

    from orchestrator.ports.clock import Clock

    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

EVENTS: Final = "text/event-stream"
LINES: Final = "application/x-ndjson"
HEARTBEAT_SECONDS: Final = 15.0
_FIRST_SECONDS: Final = 1.0


class Form(NamedTuple):
    """How a stream is written.

    Attributes:
        content_type: of the response.
        is_events: whether its parts are events; otherwise they are lines.
    """

    content_type: str
    is_events: bool

    def message(self, document: bytes) -> bytes:
        """One more message, as JSON in one line."""
        return b"data: %b\n\n" % document if self.is_events else b'{"result":%b}\n' % document

    def refusal(self, problem: Mapping[str, object]) -> bytes:
        """A refusal; nothing follows it."""
        document = written(problem)
        return b"event: error\ndata: %b\n\n" % document if self.is_events else b'{"error":%b}\n' % document

    @property
    def end(self) -> bytes:
        """The end of a stream that has said all."""
        return b"event: end\ndata:\n\n" if self.is_events else b""

    @property
    def heartbeat(self) -> bytes:
        """What tells those between that the connection lives."""
        return b": heartbeat\n\n" if self.is_events else b"\n"


def form_of(accept: str) -> Form:
    """The form that a caller accepts; lines, where it accepts everything."""
    kinds = {each.partition(";")[0].strip().lower() for each in accept.split(",")}
    return Form(EVENTS, is_events=True) if EVENTS in kinds else Form(LINES, is_events=False)


class Writing:
    """The response of one stream.

    Args:
        send: see ASGI.
        form: how its parts are written.
        clock: the time.

    Attributes:
        has_begun: whether its status was sent.
    """

    def __init__(self, send: Send, form: Form, clock: Clock) -> None:
        self._send = send
        self._form = form
        self._clock = clock
        self._turn = asyncio.Lock()
        self.has_begun = False

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Tell those between that the connection lives, until the block is left."""
        beats = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beats.cancel()

    async def message(self, document: bytes) -> None:
        """Write one more message, which is JSON in one line."""
        await self._write(self._form.message(document))

    async def end(self, status: status_pb2.Status | None) -> None:
        """Write the end: that all is said, or why no more is."""
        await self._write(self._form.end if status is None else self._form.refusal(problem_of(status)))
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _beat(self) -> None:
        await self._clock.sleep(_FIRST_SECONDS)
        while True:
            await self._write(self._form.heartbeat)
            await self._clock.sleep(HEARTBEAT_SECONDS)

    async def _write(self, part: bytes) -> None:
        async with self._turn:
            if not self.has_begun:
                # Proxies hold back what they can; most obey this header.
                headers = [(b"content-type", self._form.content_type.encode()), (b"x-accel-buffering", b"no")]
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
                self.has_begun = True
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
