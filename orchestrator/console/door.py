"""The first thing that every page meets: who asks, and may they? And the last: what went wrong, as a page.

::

    request ──▶ who asks? ──▶ may they? ──▶ a form: is it their own? ──▶ the page
                   │             │                 │                       │
                   ▼             ▼                 ▼                       ▼
                sign-in         403               403              its answer, or its error as a page
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from orchestrator.access.decisions import refuse_without_role
from orchestrator.access.subject import enter
from orchestrator.console.forgery import FIELD, refuse_foreign, refuse_forged
from orchestrator.console.session import remember_seed, session_of
from orchestrator.errors import AccessRefused, InvalidInput, NotAuthenticated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from orchestrator.access.authentication import Authentication
    from orchestrator.access.subject import Subject
    from orchestrator.api.calls.refusal_log import RefusalLog
    from orchestrator.console.page import Page
    from orchestrator.contract.access import Role

STREAM: Final = "text/event-stream"
"""What a browser says that it accepts, where it asks for the changes of a page."""

_MOST_BYTES: Final = 1024 * 1024
_MOST_FIELDS: Final = 200


class Door(NamedTuple):
    """What stands before one page.

    Attributes:
        authentication: tells who asks.
        page: behind it.
        roles: all of which it needs.
        refused: makes the page that tells of an error.
        log: of refusals.
    """

    authentication: Authentication
    page: Page
    roles: tuple[Role, ...]
    refused: Callable[[Request, Exception], Response]
    log: RefusalLog

    async def answer(self, request: Request) -> Response:
        """The page, or why there is none."""
        who: Subject | None = None
        try:
            session = await session_of(request, self.authentication)
            who = session.subject
            enter(who)
            request.state.session = session
            request.state.admit = self.admit
            self._refuse_without_roles(who)
            if self.page.method == "POST":
                await refuse_unasked(request, session.secret)
            response = await self.page.answer(request)
        except NotAuthenticated as error:
            return self._sign_in(request, error)
        except Exception as error:  # noqa: BLE001 - every error has a page
            if isinstance(error, AccessRefused):
                self.log.tell(request.url.path, str(who) if who else "somebody", error)
            return self.refused(request, error)
        if session.seed:
            remember_seed(request, response, session.seed)
        return response

    async def admit(self, request: Request) -> None:
        """Look again at who has opened a stream.

        Raises:
            AccessRefused: they may not see the page any more.
            KeysUnavailable: the keys that would tell could not be read so far.
        """
        session = await session_of(request, self.authentication)
        self._refuse_without_roles(session.subject)

    def _refuse_without_roles(self, who: Subject) -> None:
        for role in self.roles:
            refuse_without_role(who, role, self.page.rpc.rpartition(".")[2])

    def _sign_in(self, request: Request, error: NotAuthenticated) -> Response:
        if error.reason != "NO_CREDENTIALS":
            self.log.tell(request.url.path, "somebody", error)
        if request.headers.get("accept") == STREAM:
            return Response(status_code=401)
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        wanted = here if request.method == "GET" else "/"
        return RedirectResponse(f"/sign-in?next={quote(wanted, safe='')}", status_code=303)


def guarded(door: Door) -> Callable[[Request], Awaitable[Response]]:
    """What Starlette calls for a page."""

    async def endpoint(request: Request) -> Response:
        return await door.answer(request)

    return endpoint


async def refuse_unasked(request: Request, secret: str) -> None:
    """Read a form, and refuse one that its sender has not asked for here.

    Raises:
        NotAllowed: another site has made it.
        InvalidInput: it is too large.
    """
    refuse_foreign(request)
    await read_form(request)
    refuse_forged(secret, (await request.form()).get(FIELD))


async def read_form(request: Request) -> None:
    """Read a form; ``await request.form()`` has it then.

    Raises:
        InvalidInput: it is too large, or does not say how large it is.
    """
    said = request.headers.get("content-length", "")
    if not said.isdecimal() or int(said) > _MOST_BYTES:
        raise InvalidInput(("form", f"is larger than {_MOST_BYTES} bytes, or does not say how large it is"))
    await request.form(max_files=0, max_fields=_MOST_FIELDS, max_part_size=_MOST_BYTES)
