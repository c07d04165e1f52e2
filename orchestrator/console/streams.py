"""The live part of a page as server-sent events.

==============  ===================================================================================
event           what it holds
==============  ===================================================================================
``shown``       the HTML of the live part; its id is the version, which a browser brings back
``trouble``     why nothing newer can be shown; empty once it can
``signed-out``  the caller may not see the page any more; the stream ends
(a comment)     nothing, every 15 seconds, so that what lies between knows that the connection lives
==============  ===================================================================================

The id is a digest of the text. So a browser that comes back, be it to another replica or after a restart, is sent the
text only where it has changed since.
"""

from __future__ import annotations

import logging
from html import escape
from typing import TYPE_CHECKING, Final

from starlette.responses import StreamingResponse

from orchestrator.errors import AccessRefused, KeysUnavailable, Overloaded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from orchestrator.console.live import Live, Topic

_log = logging.getLogger(__name__)

HEARTBEAT_SECONDS: Final = 15.0
_RETRY: Final = "retry: 2000\n\n"
_HEARTBEAT: Final = ": heartbeat\n\n"
_SIGNED_OUT: Final = "event: signed-out\ndata:\n\n"
_HEADERS: Final = {"x-accel-buffering": "no", "vary": "accept"}


def stream_of(request: Request, live: Live, topic: Topic) -> StreamingResponse:
    """The answer to a browser that asks for the changes of a page."""
    return StreamingResponse(_events(request, live, topic), media_type="text/event-stream", headers=_HEADERS)


async def _events(request: Request, live: Live, topic: Topic) -> AsyncIterator[str]:
    version, trouble = request.headers.get("last-event-id", ""), ""
    yield _RETRY
    try:
        async for seen in live.read(topic, HEARTBEAT_SECONDS):
            if seen is None:
                # A token may have expired, or been taken away, since the page was opened.
                await request.state.admit(request)
                yield _HEARTBEAT
                continue
            if seen.trouble != trouble:
                trouble = seen.trouble
                yield _event("trouble", escape(trouble))
            if seen.version not in {version, ""}:
                version = seen.version
                yield _event("shown", seen.text, version)
    except (AccessRefused, KeysUnavailable):
        yield _SIGNED_OUT
    except Overloaded as error:
        yield _event("trouble", escape(str(error)))


def _event(name: str, text: str, version: str = "") -> str:
    """One event. A line of the text is a line of data, whatever ends it."""
    lines = "\n".join(f"data: {line}" for line in text.splitlines() or [""])
    identity = f"id: {version}\n" if version else ""
    return f"event: {name}\n{identity}{lines}\n\n"
