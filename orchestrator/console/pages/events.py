"""The events: whom they are told, how far, what was not taken, and what was told lately."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import RedirectResponse

from orchestrator.api.sink_acts import retry_dead_letters
from orchestrator.console.page import Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console

_SERVICE: Final = "saga.v1.EventService"
_SEE_OTHER: Final = 303
_LISTED: Final = 50
_ACTS: Final = 5


def pages(console: Console) -> Iterator[Page]:
    """The sinks with what they have not taken, the latest events, and what can be done."""

    async def listed(request: Request) -> Response:
        async def view() -> Mapping[str, Any]:
            outbox, now = console.events, console.clock.now()
            sinks = [
                (each, await outbox.dead_letters(each.name, 0, _LISTED), await outbox.sink_acts(each.name, _ACTS))
                for each in await outbox.sinks()
            ]
            newest = await outbox.position_at(now)
            latest = await outbox.events(max(0, newest - _LISTED), _LISTED)
            return {
                "sinks": sinks,
                "events": latest[::-1],
                "why_no_retry": console.lacking(f"{_SERVICE}.RetryDeadLetters"),
            }

        return await console.show(request, "events", view, seconds=2.0)

    async def retry(request: Request) -> Response:
        await retry_dead_letters(console.events, request.path_params["sink"], [])
        return RedirectResponse("/events", _SEE_OTHER)

    yield Page("/events", f"{_SERVICE}.ListSinks", listed)
    yield Page("/events/{sink}/retry", f"{_SERVICE}.RetryDeadLetters", retry, "POST")
