"""What a request brings: a body of a bounded size, and only what its sender has meant to send here.

No cookie counts here, so no page of another site can ask in its visitor's name by one. What a browser adds by itself
all the same is a client certificate. So a request that a page of another site has sent is refused, by what its browser
says of it; and a body must be JSON, by its type, which no form can send. ``curl -d`` says of all bodies that they are
forms, and is believed where it brings a token, which no form can.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from orchestrator.api.over_http.problems import refusal
from orchestrator.errors import InvalidInput
from orchestrator.participant.http_answers import JSON
from orchestrator.participant.metadata import IDEMPOTENCY_KEY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from google.protobuf.message import Message

    from orchestrator.api.over_http.context import HttpContext
    from orchestrator.api.over_http.problems import Answer

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

LONGEST_BODY: Final = 1024 * 1024
"""In bytes. Python reads JSON far more slowly than gRPC reads its messages; what is longer goes that way."""

_FORM: Final = "application/x-www-form-urlencoded"
_SAFE: Final = frozenset({"GET", "HEAD"})
_FROM_HERE: Final = frozenset({"", "same-origin", "none"})
_BODY_SECONDS: Final = 60.0
_REQUEST_ID: Final = "request_id"


class RefusedError(Exception):
    """A request is refused by an answer that has no status of gRPC."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"refused with {answer.status}")
        self.answer = answer


class CallerGoneError(Exception):
    """The caller has closed the connection; nobody reads an answer."""


def refuse_foreign(scope: Mapping[str, Any], context: HttpContext) -> None:
    """Refuse what a page of another site has sent.

    Raises:
        RefusedError: so it is.
    """
    here = f"{scope['scheme']}://{context.header('host')}"
    origin, site = context.header("origin"), context.header("sec-fetch-site")
    if origin not in {"", here} or site not in _FROM_HERE:
        told = f"this was sent by a page of {origin or 'another site'}, and is taken only from {here} or from no page"
        raise RefusedError(refusal(403, told, "FOREIGN_ORIGIN"))


def refuse_other_content(scope: Mapping[str, Any], context: HttpContext, body: bytes) -> None:
    """Refuse a body that does not say that it is JSON.

    Raises:
        RefusedError: so it is.
    """
    kind = context.header("content-type").partition(";")[0].strip().lower()
    if not body and not kind:
        return
    is_from_curl = kind == _FORM and bool(context.header("authorization"))
    if context.header("content-encoding") not in {"", "identity"}:
        raise RefusedError(refusal(415, "the body must not be encoded", "BODY_ENCODED"))
    if scope["method"] not in _SAFE and kind != JSON and not is_from_curl:
        raise RefusedError(refusal(415, f"the body must be JSON, and say so: content-type: {JSON}", "NOT_JSON"))


async def body_of(receive: Receive, most_bytes: int) -> bytes:
    """The whole body of a request.

    Raises:
        RefusedError: it is too long, or does not come.
        CallerGoneError: its sender is gone.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise CallerGoneError
                body += message.get("body", b"")
                if len(body) > most_bytes:
                    raise RefusedError(refusal(413, f"the body is longer than {most_bytes} bytes", "BODY_TOO_LONG"))
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        told = f"the body did not come within {_BODY_SECONDS:.0f} seconds"
        raise RefusedError(refusal(408, told, "BODY_TOO_SLOW")) from None


def identify(scope: Mapping[str, Any], context: HttpContext, request: Message) -> None:
    """Let ``Idempotency-Key`` be the request's own ``request_id``, where it has such a field.

    Raises:
        InvalidInput: it has none, so that a repeated request would not be recognised; or another one is in it.
    """
    key = context.header(IDEMPOTENCY_KEY).strip('"')
    if not key or scope["method"] in _SAFE:
        return
    field = request.DESCRIPTOR.fields_by_name.get(_REQUEST_ID)
    if field is None or field.type != field.TYPE_STRING or field.is_repeated:
        raise InvalidInput((IDEMPOTENCY_KEY, "this rpc has no request id; the contract says what repeating it does"))
    said = getattr(request, _REQUEST_ID)
    if said not in {"", key}:
        raise InvalidInput((IDEMPOTENCY_KEY, f"is {key}, and {_REQUEST_ID} is {said}; say the same, or only one"))
    setattr(request, _REQUEST_ID, key)
