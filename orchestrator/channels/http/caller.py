"""Delivers one command over HTTP: from its bytes to a request, and from a response to an outcome."""

from __future__ import annotations

import base64
import json
import logging
from typing import TYPE_CHECKING, Final

import httpx2
from google.protobuf.message import DecodeError

from orchestrator.channels.http.connections import ChannelClosed, Connections
from orchestrator.channels.http.outcome import HttpAnswer, outcome_of
from orchestrator.channels.http.status import REPLIES, WITHOUT_CONTENT
from orchestrator.channels.status import IDEMPOTENCY_KEY, MESSAGE_BYTES, REPLY_TOO_LARGE, too_large
from orchestrator.contract.status_code import StatusCode
from orchestrator.contract.wording import cut
from orchestrator.journal.outcome import Completed, Failure, Outcome, Rejected, Unknown
from orchestrator.participant.http_answers import JSON, REQUEST_TIMEOUT
from orchestrator.participant.transcoding import HttpCall, Rule, UnfitMessageError, UnreadableError

if TYPE_CHECKING:
    from orchestrator.channels.http.settings import HttpSettings
    from orchestrator.contract.command import Command

    Metadata = tuple[tuple[str, str], ...]
    Headers = list[tuple[bytes, bytes]]

_log = logging.getLogger(__name__)

CHANNEL_FAILED: Final = "CHANNEL_FAILED"
REPLY_UNREADABLE: Final = "REPLY_UNREADABLE"
REQUEST_UNSAYABLE: Final = "REQUEST_UNSAYABLE"
UNMAPPED: Final = "NO_HTTP_RULE"
"""The reasons of what HTTP could not carry."""

_ACCEPT: Final = [(b"accept", b"application/json, application/problem+json"), (b"accept-encoding", b"identity")]
_TIMEOUT: Final = REQUEST_TIMEOUT.encode()
_CONTENT: Final = (b"content-type", JSON.encode())


class HttpCaller:
    """Delivers one command by its HTTP rule."""

    __slots__ = ("_alone", "_command", "_connections", "_most_bytes", "_names", "_rule", "_target", "_token", "_url")

    def __init__(self, connections: Connections, command: Command, rule: Rule, settings: HttpSettings) -> None:
        self._connections = connections
        self._command = command
        self._rule = rule
        self._most_bytes = settings.most_bytes
        self._token = settings.tokens.get(command.service)
        self._alone = not command.idempotent
        self._target = ""
        self._url = connections.base
        fields = () if rule.response_body is not None else command.response.DESCRIPTOR.fields
        self._names = frozenset(name for field in fields for name in (field.name, field.json_name))

    async def __call__(self, request: bytes, metadata: Metadata, timeout: float) -> Outcome:  # noqa: ASYNC109 - the deadline travels with the call
        """Make one attempt; see the port."""
        try:
            return await self._attempt(request, metadata, timeout)
        except Exception as error:  # noqa: BLE001 - what nobody foresaw of an answer says nothing of its effect
            _log.exception("an attempt at %s failed in a way that was not foreseen", self._command.name)
            message = cut(f"the answer was not understood: {type(error).__name__}: {error}", MESSAGE_BYTES)
            return Unknown(Failure(StatusCode.INTERNAL, message, CHANNEL_FAILED))

    async def _attempt(self, request: bytes, metadata: Metadata, timeout: float) -> Outcome:  # noqa: ASYNC109 - see above
        if len(request) > self._most_bytes:
            return too_large(len(request), self._most_bytes)
        try:
            call = self.written(request)
        except (UnfitMessageError, DecodeError) as error:
            return _unsayable(error)
        try:
            answer = await self.send(call, metadata, timeout)
        except (TimeoutError, httpx2.RequestError, ChannelClosed) as error:
            return Unknown(_unanswered(error, timeout))
        if answer.status in REPLIES:
            return self.read(answer)
        return outcome_of(answer, self._command.outcomes, dict(metadata).get(IDEMPOTENCY_KEY, ""))

    def written(self, request: bytes) -> HttpCall:
        """The call that says a serialized request.

        Raises:
            DecodeError: the bytes are no request.
            UnfitMessageError: the rule cannot say it.
        """
        message = self._command.request.FromString(request)
        call = self._rule.call(message)
        message.DiscardUnknownFields()
        if message.ByteSize() < len(request):
            raise UnfitMessageError("", "it has fields that are not in the contract as it is known here")
        return call

    async def send(self, call: HttpCall, metadata: Metadata, timeout: float) -> HttpAnswer:  # noqa: ASYNC109 - see above
        """The response to one request; raises what :meth:`Connections.send` does."""
        sent = metadata if self._token is None else (*metadata, self._token.metadata)
        headers = [*_ACCEPT, (_TIMEOUT, b"%g" % timeout), *map(_header, sent)]
        if call.body is not None:
            headers.append(_CONTENT)
        if call.target != self._target:  # a path without fields is read once
            self._target, self._url = call.target, self._connections.url(call.target)
        return await self._connections.send(call.method, self._url, headers, call.body, timeout, alone=self._alone)

    def read(self, answer: HttpAnswer) -> Completed | Unknown:
        """The outcome of a response whose status says that it is a reply. One that cannot be read is a lost answer."""
        if not answer.is_whole:
            message = f"the reply is larger than the {self._most_bytes} bytes of ORCHESTRATOR_MOST_MESSAGE_BYTES"
            return Unknown(Failure(StatusCode.RESOURCE_EXHAUSTED, message, REPLY_TOO_LARGE), final=True)
        content = b"" if answer.status in WITHOUT_CONTENT else answer.body
        try:
            reply = self._rule.reply(content)
        except UnreadableError as error:
            return self._lost(str(error))
        written = reply.SerializeToString(deterministic=True)
        if not written and self._names and answer.status not in WITHOUT_CONTENT and not self._is_meant(content):
            return self._lost("none of its fields is there")
        return Completed(written)

    def _is_meant(self, content: bytes) -> bool:
        """A reply without a value is an empty object, or names a field all the same.

        A login page or a wrong backend, which answers in the participant's place, may say 200, too.
        """
        document = json.loads(content) if content else None
        return isinstance(document, dict) and (not document or not self._names.isdisjoint(document))

    def _lost(self, why: str) -> Unknown:
        name = self._command.response.DESCRIPTOR.full_name
        message = cut(f"the reply cannot be read as {name}: {why}", MESSAGE_BYTES)
        return Unknown(Failure(StatusCode.INTERNAL, message, REPLY_UNREADABLE))


class UnmappedCaller:
    """Sends nothing, because the contract says no way over HTTP."""

    __slots__ = ("_command",)

    def __init__(self, command: Command) -> None:
        self._command = command

    async def __call__(self, request: bytes, metadata: Metadata, timeout: float) -> Outcome:  # noqa: ARG002, ASYNC109 - the port's
        """Refuse; see the port."""
        message = f"{self._command.name} has no HTTP rule, so it was not sent"
        return Rejected(Failure(StatusCode.UNIMPLEMENTED, message, UNMAPPED))


def _unsayable(error: Exception) -> Rejected:
    message = cut(f"the request cannot be said over HTTP, so it was not sent: {error}", MESSAGE_BYTES)
    return Rejected(Failure(StatusCode.INVALID_ARGUMENT, message, REQUEST_UNSAYABLE))


def _unanswered(error: Exception, timeout: float) -> Failure:
    match error:
        case TimeoutError():
            return Failure(StatusCode.DEADLINE_EXCEEDED, f"no answer within {timeout:g} s")
        case ChannelClosed():
            return Failure(StatusCode.CANCELLED, "the channel was closed during the call")
        case httpx2.ConnectError() | httpx2.ConnectTimeout():
            what = "no connection is made"
        case _:
            what = "the connection broke"
    return Failure(StatusCode.UNAVAILABLE, cut(f"{what}: {str(error) or type(error).__name__}", MESSAGE_BYTES))


def _header(pair: tuple[str, str | bytes]) -> tuple[bytes, bytes]:
    """Metadata as a header; where the name says so, they are bytes, and written as gRPC does."""
    name, value = pair
    return name.encode(), base64.b64encode(value).rstrip(b"=") if isinstance(value, bytes) else value.encode("latin-1")
