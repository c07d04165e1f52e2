"""The guard before an ASGI application, of any framework or of none.

    app = GuardMiddleware(app, AsyncEngineRecords(engine), {
        ("POST", "/rooms"): Kind.COMMAND,
        ("POST", "/rooms/cancel"): Kind.COMPENSATION,
        ("GET", "/rooms/{id}"): Kind.QUERY,
    })

The headers ``Idempotency-Key``, ``Compensates`` and ``Verifies`` say what the metadata of the same names say to a gRPC
service, and the response echoes ``Idempotency-Key``. After the seconds of ``Request-Timeout``, nothing is begun. What a
response says of the effect:

| status                  | the guard                                                               |
|-------------------------|-------------------------------------------------------------------------|
| below 400               | records it                                                              |
| 408, 409, 500 and above | rolls back, records nothing                                             |
| 425, 429                | rolls back, records nothing; of a foreign command, forgets the intent   |
| other 4xx               | rolls back; of a command, records it                                    |

A record keeps status, content type and body; other headers come with the first response alone. The request of a key is
its method, path, query and body.
"""

import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from orchestrator.participant.driving import AsyncRecords, answer_async
from orchestrator.participant.errors import GuardRefusal, Rejection
from orchestrator.participant.http_answers import REQUEST_TIMEOUT
from orchestrator.participant.metadata import IDEMPOTENCY_KEY, CallMetadata, Kind
from orchestrator.participant.problems import FailedResponseError, PostponedResponseError, Response
from orchestrator.participant.routes import Routes
from orchestrator.participant.security.callers import caller_of_scope
from orchestrator.participant.security.trust import Trusts, everybody, refuse_untrusted
from orchestrator.participant.steps import Call

_LOGGER = logging.getLogger("orchestrator.participant")

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_LONGEST_BODY: Final = 1024 * 1024


class GuardMiddleware:
    """Guards the listed routes, and leaves the others alone.

    Args:
        app: the application.
        records: where the records are.
        kinds: what each route is; see ``orchestrator.participant.routes``. A call of another route that comes with a
            key is refused with 501, because its sender counts on a guard.
        longest_body: in bytes; a request with a longer one is refused with 413.
        trusts: which roles a caller has; asked before all else. It knows tokens, and certificates where the server
            tells of them (the TLS extension of ASGI).
    """

    def __init__(
        self,
        app: App,
        records: AsyncRecords,
        kinds: Mapping[tuple[str, str], Kind],
        *,
        longest_body: int = _LONGEST_BODY,
        trusts: Trusts = everybody,
    ) -> None:
        if not records.is_async:
            raise TypeError("an ASGI application needs records on an AsyncEngine")
        self._app = app
        self._records = records
        self._routes = Routes(kinds)
        self._longest_body = longest_body
        self._trusts = trusts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        metadata = CallMetadata.read(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        )
        kind = self._routes.kind(scope["method"], scope["path"].removeprefix(scope.get("root_path", "")))
        if kind is None and metadata == CallMetadata(saga_id=metadata.saga_id, traceparent=metadata.traceparent):
            return await self._app(scope, receive, send)
        key, late_at = None, time.monotonic() + _seconds_left(scope)
        try:
            call = await self._begin(scope, receive, kind, metadata)
            if call is None:
                return None
            response, is_echoed = await self._answer(call, scope, receive, late_at)
            key = metadata.idempotency_key if is_echoed else None
        except GuardRefusal as refusal:
            response, key = Response.of_refusal(refusal), metadata.idempotency_key if refusal.echo else None
        except (FailedResponseError, PostponedResponseError) as error:
            response = error.response
        echo = [] if key is None else [(IDEMPOTENCY_KEY.encode(), key.encode("latin-1"))]
        await send({"type": "http.response.start", "status": response.status, "headers": [*response.headers, *echo]})
        return await send({"type": "http.response.body", "body": response.body})

    async def _begin(self, scope: Scope, receive: Receive, kind: Kind | None, metadata: CallMetadata) -> Call | None:
        """The call; ``None`` where its sender is gone."""
        route = f"{scope['method']} {scope['path']}"
        if kind is None:
            _LOGGER.error("%s came with a key and is not listed among the guarded routes; it is refused", route)
            raise GuardRefusal("ROUTE_NOT_GUARDED", f"{route} is not listed for the guard", code="UNIMPLEMENTED")
        refuse_untrusted(self._trusts, partial(caller_of_scope, scope), kind, metadata, route)
        if wrong := [f"{name} {nonsense}" for name, nonsense in metadata.nonsense(kind)]:
            raise GuardRefusal("INVALID_HEADERS", "; ".join(wrong), code="INVALID_ARGUMENT")
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._longest_body:
                told = f"the body is longer than {self._longest_body} bytes"
                raise GuardRefusal("BODY_TOO_LONG", told, code="PAYLOAD_TOO_LARGE")
            if not message.get("more_body"):
                break
        path = scope.get("raw_path") or quote(scope["path"]).encode()
        head = b"%s %s?%s\n" % (scope["method"].encode(), path, scope.get("query_string", b""))
        return Call(kind, route, head + bytes(body), metadata)

    async def _answer(self, call: Call, scope: Scope, receive: Receive, late_at: float) -> tuple[Response, bool]:
        body = call.request.partition(b"\n")[2]
        last: Response | None = None

        async def run() -> bytes:
            nonlocal last
            _refuse_late(late_at)
            last = await _response_of(self._app, scope, body, receive)
            return last.reply()

        if call.kind is Kind.FOREIGN:  # what has come too late is not even intended
            _refuse_late(late_at)
        answer = await answer_async(call, self._records, run)
        is_new = last is not None and last.to_bytes() == answer.content
        return last if last is not None and is_new else Response.recorded(answer.content), answer.echo


def _refuse_late(late_at: float) -> None:
    """Begin nothing for a caller that is gone: it asks again, with the same key.

    Raises:
        PostponedResponseError: it is; there is no effect yet.
    """
    if time.monotonic() >= late_at:
        told = GuardRefusal("TOO_LATE", "the caller does not wait any longer", code="DEADLINE_EXCEEDED")
        raise PostponedResponseError(Response.of_refusal(told))


def _seconds_left(scope: Scope) -> float:
    """For how long the caller waits; what is no number of seconds says nothing."""
    said = [value for name, value in scope["headers"] if name.lower() == REQUEST_TIMEOUT.encode()]
    try:
        return float(said[0]) if len(said) == 1 else math.inf
    except ValueError:
        return math.inf


async def _response_of(app: App, scope: Scope, body: bytes, receive: Receive) -> Response:
    """The whole response of an application to a request whose body was received."""
    requests = [{"type": "http.request", "body": body, "more_body": False}]
    started: list[Message] = []
    written = bytearray()

    async def receive_again() -> Message:
        return requests.pop() if requests else await receive()

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
        elif message["type"] == "http.response.body":
            written.extend(message.get("body", b""))

    try:
        await app({**scope}, receive_again, keep)
    except Rejection as rejection:
        return Response.of_refusal(rejection)
    if not started:
        raise RuntimeError(f"the application has not answered {scope['method']} {scope['path']}")
    headers = tuple((bytes(name).lower(), bytes(value)) for name, value in started[0].get("headers", ()))
    return Response(started[0]["status"], headers, bytes(written))
