"""Errors as pages: what went wrong, why, and what to do, with the status of HTTP that says the same to machines."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.exceptions import HTTPException

from orchestrator import errors
from orchestrator.api.calls.refusals import REFUSALS
from orchestrator.contract.status_code import StatusCode
from orchestrator.contract.wording import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.rendering import Rendering

_log = logging.getLogger(__name__)


class _Told(NamedTuple):
    """How a status code is told: as which status of HTTP, under which title, and with which advice."""

    status: int
    title: str
    advice: str = ""


_TOLD: Final[dict[StatusCode, _Told]] = {
    StatusCode.INVALID_ARGUMENT: _Told(400, "That cannot be asked", "Correct it, and ask again."),
    StatusCode.NOT_FOUND: _Told(404, "Not found"),
    StatusCode.ALREADY_EXISTS: _Told(409, "It is there already"),
    StatusCode.FAILED_PRECONDITION: _Told(409, "That cannot be done now", "Go back, and look at it as it is now."),
    StatusCode.ABORTED: _Told(409, "Another replica was quicker", "Load the page again."),
    StatusCode.PERMISSION_DENIED: _Told(403, "Not allowed", "Ask somebody whose role allows it."),
    StatusCode.UNAUTHENTICATED: _Told(401, "Who are you?", "Sign in."),
    StatusCode.RESOURCE_EXHAUSTED: _Told(429, "Too much at once", "Nothing was done. Ask again in a moment."),
    StatusCode.UNAVAILABLE: _Told(503, "Not available now", "Nothing is lost. Load the page again in a moment."),
    StatusCode.DEADLINE_EXCEEDED: _Told(504, "Not done yet", "Look at it again in a moment."),
}
_UNEXPECTED: Final = _Told(500, "Something went wrong", "The log of the orchestrator tells more.")
_NO_PAGE: Final = _Told(404, "There is no such page", "The navigation leads to those that there are.")
_MOST_BYTES: Final = 2000
_NOT_FOUND: Final = 404


def refusing(rendering: Rendering) -> Callable[[Request, Exception], Response]:
    """What makes the page that tells of an error."""

    def refused(request: Request, error: Exception) -> Response:
        told, message = _told(error)
        violations = error.violations if isinstance(error, errors.InvalidInput) else ()
        shown = {"title": told.title, "message": message, "advice": told.advice, "violations": violations}
        return rendering.answer(request, "error.html", status=told.status, **shown)

    return refused


def _told(error: Exception) -> tuple[_Told, str]:
    """How an error is told, and what it says. The inside of an unexpected one stays inside."""
    if isinstance(error, HTTPException):
        if error.status_code == _NOT_FOUND:
            return _NO_PAGE, ""
        return _Told(error.status_code, "That cannot be asked"), error.detail
    refusal = next((REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS), None)
    if refusal is None:
        _log.error("a page failed unexpectedly", exc_info=error)
        return _UNEXPECTED, ""
    message = cut(str(error), _MOST_BYTES)
    return _TOLD[refusal.code], f"{message[:1].upper()}{message[1:]}"
