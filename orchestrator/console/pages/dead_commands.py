"""Forgetting what participants have given up: a page that says what would be forgotten and asks why, and its form.

::

    desk ──▶ one command, or all of one participant that the desk has counted ──▶ desk, where they are no more

The page stands still while somebody writes. What is given up meanwhile is not in what the form names, and stays.
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
_LOOKED_AT: Final = 100
_LONGEST: Final = 19
"""Digits of the latest instant that the contract of the API takes, in nanoseconds."""


def pages(console: Console) -> Iterator[Page]:
    """What would be forgotten, and forgetting it."""

    async def asking(request: Request) -> Response:
        said = request.query_params
        meant = _meant(said)
        found = await console.dead_commands.newest(_LOOKED_AT if meant.id else 0)
        letters = [each for each in found.newest if (each.service, each.id) == (meant.service, meant.id)]
        shown: dict[str, Any] = {"letter": letters[0] if letters else None, "until": _until(said)}
        return console.render(request, "dead_commands.html", meant=meant, **shown)

    async def doing(request: Request) -> Response:
        given = await request.form()
        form = {key: value for key, value in given.items() if isinstance(value, str)}
        meant = _meant(form)
        meant.reason = form.get("reason", "").strip()
        if not meant.reason:
            raise InvalidInput(("reason", "say it in a sentence: the log keeps it"))
        refuse_invalid(meant)
        if meant.HasField("until"):
            await forget_dead_commands_until(console.dead_commands, meant.service, _until(form), meant.reason)
        else:
            await forget_dead_command(console.dead_commands, meant.service, meant.id, meant.reason)
        return RedirectResponse("/desk", _SEE_OTHER)

    yield Page("/desk/dead", FORGET, asking)
    yield Page("/desk/dead", FORGET, doing, "POST")


def _meant(said: Mapping[str, str]) -> ForgetDeadCommandsRequest:
    """What an address or a form names, as the API is told it; yet without a reason."""
    meant = ForgetDeadCommandsRequest(service=said.get("service", ""))
    if said.get("id"):
        meant.id = said["id"]
    elif until := _until(said):
        meant.until.CopyFrom(timestamp(until))
    else:
        raise InvalidInput(("id", "say which command, or until when they were given up"))
    return meant


def _until(said: Mapping[str, str]) -> int:
    """The instant, nanoseconds since the epoch, UTC; 0 where none is named."""
    text = said.get("until", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST else 0
