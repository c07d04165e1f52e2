"""Signing in, by a token that is pasted or by the link of ``orchestrator console``, and signing out.

No form here has a token against forgery, because nobody is known yet, and signing in again puts right whatever was
done. That a form comes from a page of this console is looked at all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from orchestrator.access.authentication import Credentials
from orchestrator.console.door import read_form
from orchestrator.console.forgery import refuse_foreign
from orchestrator.console.session import forget_token, remember_token
from orchestrator.errors import AccessRefused, InvalidInput, KeysUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from orchestrator.access.authentication import Authentication
    from orchestrator.api.calls.refusal_log import RefusalLog
    from orchestrator.console.rendering import Rendering
    from orchestrator.ports.clock import Clock

_REFUSED = (AccessRefused, InvalidInput, KeysUnavailable)


class SignIn:
    """The pages on which somebody becomes known.

    Args:
        authentication: tells whose a token is.
        rendering: makes HTML from templates.
        clock: the time.
        log: of refusals.
    """

    def __init__(self, authentication: Authentication, rendering: Rendering, clock: Clock, log: RefusalLog) -> None:
        self._authentication = authentication
        self._rendering = rendering
        self._clock = clock
        self._log = log

    def routes(self) -> Iterator[Route]:
        """What Starlette serves."""
        yield Route("/sign-in", self._form, methods=["GET"])
        yield Route("/sign-in", self._by_token, methods=["POST"])
        yield Route("/sign-out", self._sign_out, methods=["POST"])

    async def _form(self, request: Request) -> Response:
        """The form, or what the code of a link opens."""
        wanted = local_path(request.query_params.get("next", ""))
        code = request.query_params.get("code", "")
        if not code:
            return self._rendering.answer(request, "sign_in.html", wanted=wanted)
        try:
            token = self._authentication.token_of(code, self._clock.now())
        except AccessRefused as error:
            return self._refused(request, wanted, error)
        # Not a redirect: a browser that comes from another site would follow it without the new cookie.
        response = self._rendering.answer(request, "signed_in.html", wanted=wanted)
        remember_token(request, response, token)
        return response

    async def _by_token(self, request: Request) -> Response:
        wanted = "/"
        try:
            refuse_foreign(request)
            await read_form(request)
            form = await request.form()
            wanted, token = local_path(str(form.get("next", ""))), str(form.get("token", "")).strip()
            # What a token is made of; anything else would break the cookie, and is nobody's.
            authorization = f"Bearer {token}" if token.isascii() and token.isprintable() and " " not in token else "?"
            await self._authentication.subject(Credentials(authorization if token else "?", (), ""))
        except _REFUSED as error:
            return self._refused(request, wanted, error)
        response = RedirectResponse(wanted, status_code=303)
        remember_token(request, response, token)
        return response

    async def _sign_out(self, request: Request) -> Response:
        try:
            refuse_foreign(request)
        except AccessRefused as error:
            return self._refused(request, "/", error)
        response = RedirectResponse("/sign-in", status_code=303)
        forget_token(request, response)
        return response

    def _refused(self, request: Request, wanted: str, error: Exception) -> Response:
        self._log.tell(request.url.path, "somebody", error)
        return self._rendering.answer(request, "sign_in.html", status=403, wanted=wanted, error=_told(error))


def local_path(wanted: str) -> str:
    """A page of this console to which a sign-in may lead: what was wanted, or else the first one."""
    if not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or not wanted.isprintable():
        return "/"
    return wanted


def _told(error: Exception) -> str:
    if isinstance(error, AccessRefused) and error.reason == "NO_TOKEN":
        return "That is no token. A token is one word, such as saga_… or eyJ…; paste it whole."
    said = str(error)
    return f"{said[0].upper()}{said[1:]}."
