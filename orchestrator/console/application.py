"""The console as one ASGI application: its own pages, those of applications, sign-in, and static files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from orchestrator.api.calls.refusal_log import RefusalLog
from orchestrator.api.over_http.door import OPENAPI
from orchestrator.console.console import Console
from orchestrator.console.contents import NAVIGATION, OWN
from orchestrator.console.door import Door, guarded
from orchestrator.console.headers import Headers
from orchestrator.console.refusals import refusing
from orchestrator.console.rendering import Link, Rendering
from orchestrator.console.sign_in import SignIn
from orchestrator.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.access.authentication import Authentication
    from orchestrator.access.facades import Facades
    from orchestrator.api.application import Application
    from orchestrator.api.over_http.door import HttpApi
    from orchestrator.console.application_pages import Pages
    from orchestrator.console.live import Live
    from orchestrator.console.page import Page


def console_application(
    application: Application,
    engine: Facades,
    authentication: Authentication,
    live: Live,
    *,
    pages: Sequence[Pages] = (),
    api: HttpApi | None = None,
    trace_url: str = "",
) -> Starlette:
    """Everything that a browser can ask for.

    Args:
        application: what the API's servicers have at hand, the pages have, too.
        engine: as the present caller may see it.
        authentication: tells who asks.
        live: what open pages show.
        pages: of applications.
        api: answers beside the pages; ``None`` for none.
        trace_url: see :class:`~orchestrator.console.console.Console`.

    Raises:
        DefinitionError: a page names an rpc that does not say who may call it, or has an address that is another's.
    """
    navigation = (*(Link(each.prefix, each.title) for each in pages), *NAVIGATION)
    folders = {each.prefix[1:]: each.folder for each in pages}
    rendering = Rendering(navigation, folders, application.clock)
    console = Console(application, engine, rendering, live, trace_url)
    refused, log = refusing(rendering), RefusalLog()

    async def refuse(request: Request, error: Exception) -> Response:
        return refused(request, error)

    prefixes = () if api is None else (OPENAPI, *sorted(api.prefixes))
    doors = [Door(authentication, page, page.roles, refused, log) for page in _all(console, pages, prefixes)]
    routes: list[BaseRoute] = [
        *SignIn(authentication, rendering, application.clock, log).routes(),
        *(folder.route() for folder in rendering.static.values()),
        *_below(prefixes, api),
        *(Route(door.page.path, guarded(door), methods=[door.page.method]) for door in doors),
    ]
    handlers = {HTTPException: refuse, Exception: refuse}
    return Starlette(routes=routes, middleware=[Middleware(Headers)], exception_handlers=handlers)


def _below(prefixes: Iterable[str], api: HttpApi | None) -> Iterator[BaseRoute]:
    """All addresses that begin so lead to the API."""
    if api is None:
        return
    for prefix in prefixes:
        yield Route(prefix, api)
        yield Mount(prefix, app=api)


def _all(console: Console, applications: Iterable[Pages], api: Iterable[str]) -> Iterator[Page]:
    """The console's own pages, and those of the applications, each below its prefix; none below one of the API."""
    taken = {"/static", "/sign-in", "/sign-out"}
    for register in OWN:
        for page in register(console):
            taken.add("/" + page.path[1:].partition("/")[0])
            yield page
    for prefix in api:
        if prefix in taken:
            raise DefinitionError(f"an rpc cannot be called below {prefix}: a page of the console is there")
        taken.add(prefix)
    for application in applications:
        if application.prefix in taken:
            raise DefinitionError(f"pages: {application.prefix} is taken; choose another prefix")
        taken.add(application.prefix)
        for page in application.register(console):
            if page.path != application.prefix and not page.path.startswith(f"{application.prefix}/"):
                raise DefinitionError(f"the page {page.path} is not below {application.prefix}, which is its prefix")
            yield page
