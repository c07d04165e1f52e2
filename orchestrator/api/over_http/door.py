"""Answers JSON over HTTP, as an application of ASGI.

Purpose: ``curl`` reaches what the API offers over gRPC. Invariant: nothing is answered here that gRPC would
refuse: the caller is looked at, the message is validated, and the method is run, by the same code.

::

    request ──▶ from a page elsewhere? ──▶ who calls, may they? ──▶ such a path? ──▶ the message ──▶ the method
                        │                          │                      │               │              │
                        ▼                          ▼                      ▼               ▼              ▼
                       403                      401, 403              404, 405   400, 408, 413, 415  its status
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from orchestrator.api.calls.interceptor import Boundary
from orchestrator.api.calls.lasting import Lasting
from orchestrator.api.calls.refusals import status_for
from orchestrator.api.over_http.context import CallEnded, HttpContext
from orchestrator.api.over_http.methods import Methods
from orchestrator.api.over_http.problems import Answer, answer_of, refusal
from orchestrator.api.over_http.requests import (
    LONGEST_BODY,
    CallerGoneError,
    RefusedError,
    body_of,
    identify,
    refuse_foreign,
    refuse_other_content,
)
from orchestrator.api.over_http.streams import Writing, form_of
from orchestrator.api.over_http.waiting import aside, deadline, while_there
from orchestrator.errors import InvalidInput
from orchestrator.participant.http_answers import JSON
from orchestrator.participant.transcoding import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from orchestrator.access.authentication import Authentication
    from orchestrator.access.subject import Subject
    from orchestrator.api.over_http.methods import Method, Services
    from orchestrator.participant.transcoding import Route
    from orchestrator.ports.clock import Clock

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

OPENAPI: Final = "/openapi.json"
"""Where the description of all that is answered here stands."""


class HttpApi:
    """The API over HTTP.

    Args:
        services: for each service's full name, the function that adds its servicer to a server.
        authentication: tells who calls.
        clock: tells when to look again at the caller of a stream.
        most_bytes: the longest body that is taken, up to ``LONGEST_BODY``.
        describe: makes the description of what is answered, as JSON; called in a thread, when it is first asked for.

    Attributes:
        prefixes: what the paths of all rpcs begin with, such as ``/v1``.

    Raises:
        DefinitionError: a contract does not say of an rpc who may call it, or says of its address what makes no sense.
    """

    def __init__(
        self,
        services: Services,
        authentication: Authentication,
        clock: Clock,
        most_bytes: int,
        describe: Callable[[], bytes],
    ) -> None:
        self._boundary = Boundary(frozenset(services))
        self._methods = Methods(services, authentication, self._boundary, clock)
        self._clock = clock
        self._most_bytes = min(most_bytes, LONGEST_BODY)
        self._describe = describe
        self._description = b""
        self.prefixes = self._methods.prefixes

    def drain(self) -> None:
        """End the streams; calls with one answer are let finish."""
        self._boundary.drain()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see ASGI."""
        if scope["type"] != "http":
            raise RuntimeError("only HTTP is answered here")
        with contextlib.suppress(CallerGoneError):
            answer = await self._answer(scope, receive, send)
            if answer is not None:
                await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
                await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> Answer | None:
        """The answer; ``None`` where it was sent already."""
        try:
            context = HttpContext(scope)
            refuse_foreign(scope, context)
            route = self._route(scope)
            if route is None:
                return await self._elsewhere(scope, context)
            method = await self._methods.find(route.rule)
            who = await method.door.admit(context)
            request = await self._request(route, scope, context, receive)
            work = self._streamed if method.is_stream else self._once
            return await while_there(receive, work(method, route, context, request, who, send))
        except RefusedError as error:
            return error.answer
        except CallEnded as error:
            return answer_of(error.status)
        except CallerGoneError:
            raise
        except Exception as error:  # noqa: BLE001 - every error has a status
            return answer_of(status_for(error))

    def _route(self, scope: Scope) -> Route | None:
        """Raises: InvalidInput: the path is not in UTF-8."""
        try:
            return self._methods.routes.find(scope["method"], _path(scope))
        except UnicodeDecodeError:
            raise InvalidInput(("", "the path is not in UTF-8")) from None

    async def _elsewhere(self, scope: Scope, context: HttpContext) -> Answer:
        """An answer where no rpc has this path; to those who are known."""
        await self._methods.anywhere.admit(context)
        path = _path(scope)
        if path == OPENAPI and scope["method"] == "GET":
            self._description = self._description or await asyncio.to_thread(self._describe)
            return Answer(200, self._description, content_type=JSON)
        verbs = self._methods.routes.verbs(path) or ({"GET"} if path == OPENAPI else set())
        if not verbs:
            return refusal(404, f"no rpc has this path; {OPENAPI} describes those that there are", "NO_SUCH_PATH")
        allowed = ", ".join(sorted(verbs))
        return refusal(405, f"this path takes {allowed}", "METHOD_NOT_ALLOWED", (("allow", allowed),))

    async def _request(self, route: Route, scope: Scope, context: HttpContext, receive: Receive) -> Any:  # noqa: ANN401 - a message
        """Raises: RefusedError, CallerGoneError, InvalidInput: there is none."""
        body = await body_of(receive, self._most_bytes)
        refuse_other_content(scope, context, body)
        query = scope["query_string"].decode("latin-1")
        try:
            request = await aside(len(body), partial(route.binding.request, route.values, query, body))
        except UnreadableError as error:
            raise InvalidInput((error.field, error.description)) from None
        identify(scope, context, request)
        return request

    async def _once(
        self, method: Method, route: Route, context: HttpContext, request: object, _who: Subject, _send: Send
    ) -> Answer:
        async with deadline(context):
            reply = await method.behaviour(request, context)
        ended = context.ended()
        if ended is not None:
            return answer_of(ended)
        return Answer(200, await aside(reply.ByteSize(), partial(route.rule.content, reply)), content_type=JSON)

    async def _streamed(
        self, method: Method, route: Route, context: HttpContext, request: object, who: Subject, send: Send
    ) -> Answer | None:
        """Send a stream; a refusal before its first message is an answer of its own."""
        writing = Writing(send, form_of(context.header("accept")), self._clock)
        lasting = Lasting(partial(method.door.look, context), self._clock)
        try:
            replies = lasting.answers(method.behaviour(request, context), who)
            async with deadline(context), aclosing(replies), writing.beating():
                async for reply in replies:
                    await writing.message(await aside(reply.ByteSize(), partial(route.rule.content, reply)))
            status = context.ended()
        except CallEnded as error:
            status = error.status
        except Exception as error:  # noqa: BLE001 - every error has a status
            status = status_for(error)
        if status is not None and not writing.has_begun:
            return answer_of(status)
        await writing.end(status)
        return None


def _path(scope: Scope) -> str:
    raw: bytes = scope["raw_path"]
    return raw.decode("latin-1")
