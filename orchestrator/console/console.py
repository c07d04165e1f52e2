"""What the pages have at hand: the facade, and what makes an answer of what they found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.access.decisions import refuse_without_role
from orchestrator.access.subject import current
from orchestrator.console.door import STREAM
from orchestrator.console.live import Topic
from orchestrator.console.page import roles_needed
from orchestrator.console.streams import stream_of
from orchestrator.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.access.facades import Facades
    from orchestrator.api.application import Application
    from orchestrator.console.live import Live
    from orchestrator.console.rendering import Rendering
    from orchestrator.engine.bulk.facade import BulkActs
    from orchestrator.engine.sagas import Sagas
    from orchestrator.engine.schedules.facade import Schedules
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.dead_commands import DeadCommands
    from orchestrator.ports.outbox import SinkActs


@dataclass(frozen=True, slots=True)
class Console:
    """What a page has at hand.

    Attributes:
        application: the way in for new sagas, and channels to participants.
        engine: as the present caller may see it.
        rendering: makes HTML from templates.
        live: what open pages show.
        trace_url: where a trace can be seen, with ``{trace_id}`` in it; empty for nowhere.
    """

    application: Application
    engine: Facades
    rendering: Rendering
    live: Live
    trace_url: str = ""

    @property
    def sagas(self) -> Sagas:
        """The engine."""
        return self.engine.sagas

    @property
    def schedules(self) -> Schedules:
        """When sagas start by themselves."""
        return self.engine.schedules

    @property
    def bulk(self) -> BulkActs:
        """The same act on many sagas."""
        return self.engine.bulk

    @property
    def events(self) -> SinkActs:
        """What was told, and whom."""
        return self.engine.events

    @property
    def dead_commands(self) -> DeadCommands:
        """What participants have given up."""
        return self.engine.dead_commands

    @property
    def clock(self) -> Clock:
        """The time."""
        return self.application.clock

    def render(self, request: Request, template: str, *, status: int = 200, **shown: Any) -> Response:  # noqa: ANN401 - what the template shows
        """A whole page that does not change by itself.

        Args:
            request: for it.
            template: such as ``sagas.html``; of an application, such as ``shop/cart.html``.
            status: of HTTP.
            shown: what the template is told.
        """
        return self.rendering.answer(request, template, status=status, **shown)

    async def show(
        self,
        request: Request,
        template: str,
        view: Callable[[], Awaitable[Mapping[str, Any]]],
        *,
        changes: Callable[[], AsyncIterator[object]] | None = None,
        seconds: float = 1.0,
    ) -> Response:
        """A page that changes while somebody looks at it; the page itself, or the stream of its changes.

        ``<template>.html`` is the page. It extends ``live.html``, whose block ``live`` holds what changes: it includes
        ``<template>_live.html`` there, which is told nothing but what ``view`` says. A form in there needs no more than
        ``{{ forgery_field }}``: a script puts the caller's own token into forms that came by the stream.

        Args:
            request: for it. Its address names what is shown.
            template: the name without its ending.
            view: what both templates are told.
            changes: see :class:`~orchestrator.console.live.Topic`, as the next.
            seconds: after how long the view is asked for again though nothing was told.
        """
        if request.headers.get("accept") != STREAM:
            return self.rendering.answer(request, f"{template}.html", **await view())

        async def make() -> str:
            # All who may see and do the same are shown this too, so it names nobody.
            anybody = replace(current(), name="", peer="", authority="")
            about = {"subject": anybody, "path": request.url.path, "query": request.url.query}
            shown = {**about, "forgery_field": self.rendering.empty_forgery_field, **await view()}
            return self.rendering.text(f"{template}_live.html", **shown)

        name = f"{request.url.path}?{request.url.query}"
        return stream_of(request, self.live, Topic(name, make, changes, seconds))

    def lacking(self, rpc: str) -> str:
        """Why the present caller may not call an rpc, by its full name; empty where they may."""
        try:
            for role in roles_needed(rpc):
                refuse_without_role(current(), role, rpc.rpartition(".")[2])
        except NotAllowed as error:
            return str(error)
        return ""

    def trace_link(self, trace_id: str) -> str:
        """Where a trace can be seen; empty for nowhere."""
        return self.trace_url.replace("{trace_id}", trace_id)
