"""Takes the calls of one service from HTTP, as an application of ASGI.

What its annotation in the contract says becomes the request of an rpc; the headers are the metadata of the call.

| of the request            | what it says                                                              |
|---------------------------|---------------------------------------------------------------------------|
| method, path, query, body | which rpc, and its request; the body is JSON, and says so in its type     |
| ``Idempotency-Key``       | as the metadata of this name; so do ``Compensates``, ``Verifies``,        |
|                           | ``Saga-Id``, ``Traceparent`` and ``Authorization``                        |
| ``Request-Timeout``       | for how many seconds the caller waits                                     |

A body without its type is refused: a page in somebody's browser can send such a request to this machine unasked.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from orchestrator.participant.http_answers import HEALTH_PATH, JSON, REQUEST_TIMEOUT
from orchestrator.participant.security.callers import caller_of_scope
from orchestrator.participant.transcoding import Route, Routes, Rule, UnfitMessageError, UnreadableError
from services.chassis.answering import Answering
from services.chassis.arrivals import Arrival, Way
from services.chassis.errors import InternalError, InvalidRequest
from services.chassis.over_http.health import Health
from services.chassis.over_http.responses import Response, of_answer, of_problem

_LOGGER = logging.getLogger(__name__)
_LONGEST_BODY: Final = 16 * 1024 * 1024
"""In bytes; as long as the largest message over gRPC."""

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class _GoneError(Exception):
    """The caller has gone; nobody reads an answer."""


class HttpApplication:
    """Answers the calls of one service.

    Args:
        answering: answers them.
        health: what is said of the service's health.

    Raises:
        RuleError: an annotation of the contract makes no sense.
    """

    def __init__(self, answering: Answering, health: Health) -> None:
        self._answering = answering
        self._health = health
        self._routes = Routes(map(Rule.of, answering.contract.methods))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        assert scope["type"] == "http"
        try:
            response = await self._respond(scope, receive)
        except _GoneError:
            return
        await send(response.start)
        await send({"type": "http.response.body", "body": response.body})

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        path = scope["raw_path"].decode("latin-1")
        if path == HEALTH_PATH:
            return self._health.response(scope["query_string"].decode("latin-1"))
        try:
            route = self._routes.find(scope["method"], path)
        except UnicodeDecodeError:
            return of_problem(HTTPStatus.BAD_REQUEST, "the path is not in UTF-8")
        if route is None:
            return self._no_route(path)
        body = await _body(receive)
        if body is None:
            return of_problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {_LONGEST_BODY} bytes")
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        if route.binding.body is not None and not _is_json(dict(headers).get("content-type", "")):
            return of_problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body must be {JSON}, and its type must say so")
        return await self._called(route, headers, body, scope, receive)

    async def _called(
        self, route: Route, headers: tuple[tuple[str, str], ...], body: bytes, scope: Scope, receive: Receive
    ) -> Response:
        try:
            seconds_left = _waits(dict(headers).get(REQUEST_TIMEOUT))
            request = route.binding.request(route.values, scope["query_string"].decode("latin-1"), body)
        except UnreadableError as error:
            refusal = InvalidRequest([(error.field, error.description)])
            return of_answer(self._answering.refused(refusal), route.rule)
        except InvalidRequest as refusal:
            return of_answer(self._answering.refused(refusal), route.rule)
        call = Arrival.of(
            route.rule.method.name,
            request,
            headers,
            way=Way.HTTP,
            seconds_left=seconds_left,
            tell_caller=partial(caller_of_scope, scope),
        )
        answer = await _unless_gone(self._answering.answer(call), receive)
        try:
            return of_answer(answer, route.rule)
        except UnfitMessageError:
            _LOGGER.exception("%s: its reply cannot be said over HTTP", call.method)
            return of_answer(self._answering.refused(InternalError()), route.rule)

    def _no_route(self, path: str) -> Response:
        try:
            verbs = self._routes.verbs(path)
        except UnicodeDecodeError:
            verbs = frozenset()
        if not verbs:
            return of_problem(HTTPStatus.NOT_FOUND, f"no rpc of {self._answering.contract.full_name} has this path")
        allowed = ", ".join(sorted(verbs))
        told = f"this path is answered to {allowed} alone"
        return of_problem(HTTPStatus.METHOD_NOT_ALLOWED, told, headers=(("allow", allowed),))


async def _body(receive: Receive) -> bytes | None:
    """The whole body of a request; ``None`` where it is too long.

    Raises:
        _GoneError: its sender is gone.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        body += message.get("body", b"")
        if len(body) > _LONGEST_BODY:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _unless_gone(answering: Any, receive: Receive) -> Any:  # noqa: ANN401 - whatever is awaited
    """What comes of a call, which is broken off when its caller goes, as gRPC breaks it off.

    Raises:
        _GoneError: its caller is gone.
    """
    answer, gone = asyncio.ensure_future(answering), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise _GoneError
    finally:
        for task in (answer, gone):
            task.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _waits(said: str | None) -> Callable[[], float | None]:
    """How many seconds are left, by the header that says how many there are.

    Raises:
        InvalidRequest: it does not.
    """
    if said is None:
        return lambda: None
    try:
        seconds = float(said)
    except ValueError:
        seconds = float("nan")
    if not 0 < seconds < float("inf"):
        raise InvalidRequest([(f"metadata.{REQUEST_TIMEOUT}", "must be a number of seconds, more than 0")])
    until = time.monotonic() + seconds
    return lambda: until - time.monotonic()


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == JSON
