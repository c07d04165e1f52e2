"""Forgetting what participants have given up: a page that says what would be forgotten and asks why, and its form.

::

    desk ──▶ this page: about one command, or about all that a participant had given up ──▶ desk, where they are no more

The address and the form name exactly what is meant: one command by its id, or all until the instant at which the desk
has counted them. So what is given up while somebody reads and writes is not forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import RedirectResponse

from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.api.forgetting import forget_dead_command, forget_dead_commands_until
from orchestrator.api.views.timestamps import timestamp
from orchestrator.console.page import Page
from orchestrator.errors import InvalidInput
from saga.v1.figures_service_pb2 import ForgetDeadCommandsRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console

FORGET: Final = "saga.v1.FiguresService.ForgetDeadCommands"

_SEE_OTHER: Final = 303
_LATEST: Final = 100
"""A single command is shown if it is among so many of the latest; it can be forgotten all the same."""
_MOST_DIGITS: Final = 19
"""Of an instant in nanoseconds, as the contract of the API takes it."""


def pages(console: Console) -> Iterator[Page]:
    """The page, and what its form does."""

    async def show(request: Request) -> Response:
        named = request.query_params
        asked = _request_of(named)
        found = await console.dead_commands.newest(_LATEST if asked.id else 0)
        one = next((each for each in found.newest if (each.service, each.id) == (asked.service, asked.id)), None)
        shown: dict[str, Any] = {"letter": one, "until": _until_of(named)}
        return console.render(request, "dead_commands.html", meant=asked, **shown)

    async def forget(request: Request) -> Response:
        given = await request.form()
        form = {key: value for key, value in given.items() if isinstance(value, str)}
        asked = _request_of(form)
        asked.reason = form.get("reason", "").strip()
        if not asked.reason:
            raise InvalidInput(("reason", "say it in a sentence: the log keeps it"))
        refuse_invalid(asked)
        if asked.HasField("until"):
            await forget_dead_commands_until(console.dead_commands, asked.service, _until_of(form), asked.reason)
        else:
            await forget_dead_command(console.dead_commands, asked.service, asked.id, asked.reason)
        return RedirectResponse("/desk", _SEE_OTHER)

    yield Page("/desk/dead", FORGET, show)
    yield Page("/desk/dead", FORGET, forget, "POST")


def _request_of(named: Mapping[str, str]) -> ForgetDeadCommandsRequest:
    """What the parameters of an address, or the fields of a form, ask the API for; the reason is not set yet.

    Raises:
        InvalidInput: they name neither a command nor an instant.
    """
    asked = ForgetDeadCommandsRequest(service=named.get("service", ""))
    if named.get("id"):
        asked.id = named["id"]
    elif until := _until_of(named):
        asked.until.CopyFrom(timestamp(until))
    else:
        raise InvalidInput(("id", "say which command, or until when they were given up"))
    return asked


def _until_of(named: Mapping[str, str]) -> int:
    """The instant that they name, nanoseconds since the epoch, UTC; 0 where they name none that can be read."""
    text = named.get("until", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else 0
