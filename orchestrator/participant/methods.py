"""A guarded method of a gRPC service, whatever runs it: how a call of it begins, and how it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from orchestrator.participant.contexts import AsyncHeldContext, HeldContext, refuse_late
from orchestrator.participant.errors import GuardRefusal
from orchestrator.participant.metadata import IDEMPOTENCY_KEY, CallMetadata, Kind
from orchestrator.participant.security.callers import caller_of
from orchestrator.participant.security.trust import Trusts, everybody, refuse_untrusted
from orchestrator.participant.statuses import (
    FailedStatusError,
    PostponedStatusError,
    Status,
    Trailing,
    error_domain,
)
from orchestrator.participant.steps import Answer, Call

if TYPE_CHECKING:
    import grpc

_LOGGER = logging.getLogger("orchestrator.participant")

# Quoted, as the class is generic for type checkers only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Kinds: TypeAlias = Mapping[str, Mapping[str, Kind]]
Validate: TypeAlias = Callable[[Any], Any]

ENDINGS: Final = (FailedStatusError, GuardRefusal, PostponedStatusError)
"""The errors that end a call with a status; any other is the handler's bug or the database's trouble, and gRPC's."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method that is guarded.

    Attributes:
        path: as gRPC names it, such as ``/hotel.v1.HotelService/BookRoom``.
        kind: what it is to a saga.
        handler: what serves it.
        validate: from a request to a google.rpc.Status, or to ``None`` where it is valid; asked before the guard.
        trusts: which roles a caller has; asked before all else.
    """

    path: str
    kind: Kind
    handler: Handler
    validate: Validate | None
    trusts: Trusts = everybody

    @property
    def domain(self) -> str:
        """Its service's, for google.rpc.ErrorInfo."""
        return error_domain(self.path.split("/")[1])

    def begin(self, request: bytes, context: Any) -> tuple[Call, Any]:  # noqa: ANN401 - of either kind; a message
        """The call, and its request as the handler takes it.

        Raises:
            FailedStatusError: the request or its metadata make no sense; the guard is not asked.
            GuardRefusal: the caller is not trusted.
            PostponedStatusError: it is a foreign command that has come too late, so it is not even intended.
        """
        metadata = CallMetadata.read(context.invocation_metadata())
        refuse_untrusted(self.trusts, partial(caller_of, context), self.kind, metadata, self.path)
        wrong = [(f"metadata.{name}", nonsense) for name, nonsense in metadata.nonsense(self.kind)]
        message: Any = request
        if self.handler.request_deserializer is not None:
            try:
                message = self.handler.request_deserializer(request)
            except Exception:  # noqa: BLE001 - each serializer has errors of its own
                wrong.append(("", "the bytes of the request are not of the type that this method takes"))
        if wrong:
            raise FailedStatusError(Status.of_violations(wrong))
        status = self.validate(message) if self.validate is not None else None
        if status is not None:
            raise FailedStatusError(Status.rich(status))
        if self.kind is Kind.FOREIGN:
            refuse_late(context)
        return Call(self.kind, self.path, request, metadata), message

    def reply(self, held: HeldContext, reply: Any, error: Exception | None) -> bytes:  # noqa: ANN401 - a message
        """What the handler has answered, in bytes; its refusal is raised, as is an error of its own."""
        status = held.status(error, self.domain)
        if status is not None:
            raise status.error() from error
        if error is not None:
            raise error
        serialize = self.handler.response_serializer
        return serialize(reply) if serialize is not None else reply

    def end(self, call: Call | None, ended: Answer | Exception) -> tuple[Status | None, Trailing]:
        """The status with which the call ends, ``None`` for a reply, and the echo of its key."""
        key = call.metadata.idempotency_key if call is not None else None
        echo: Trailing = ((IDEMPOTENCY_KEY, key),) if key is not None and getattr(ended, "echo", False) else ()
        match ended:
            case FailedStatusError() | PostponedStatusError():
                return ended.status, echo
            case GuardRefusal():
                return Status.of_refusal(ended, self.domain), echo
            case Answer(content=content, rejected=True):
                return Status.recorded(content), echo
        return None, echo


def guarded_method(
    kinds: Kinds, path: str, handler: Handler | None, validate: Validate | None, trusts: Trusts = everybody
) -> Method | str | None:
    """The method to guard; ``None`` where there is nothing to guard; or why it must not be called.

    A service that is not listed, such as health or reflection, is none of the guard's business. A stream has no one
    request and reply to record, so only a query may be one, and it passes.
    """
    _, service, name = path.split("/")
    listed = kinds.get(service)
    if listed is None or handler is None:
        return None
    kind = listed.get(name)
    if kind is None:
        return refused(f"{path} is not listed among the kinds that the guard was given")
    if handler.unary_unary is None:
        return None if kind is Kind.QUERY else refused(f"{path} is a stream, which the guard cannot record")
    return Method(path, kind, handler, validate, trusts)


def refused(reason: str) -> str:
    """Log why a method must not be called, and say it."""
    _LOGGER.error("%s; the call is refused", reason)
    return reason


class Running:
    """Runs the handler of one call, once or more; each run has a context of its own.

    Attributes:
        trailing: the trailing metadata that the last run has set.
    """

    def __init__(self, method: Method, message: object, context: Any) -> None:  # noqa: ANN401 - of either kind
        self._method = method
        self._message = message
        self._context = context
        self.trailing: Trailing = ()

    def __call__(self) -> bytes:
        """The reply in bytes; refusals are raised as the guard and ``ENDINGS`` know them."""
        held, error, reply = HeldContext(self._context), None, None
        refuse_late(self._context)
        behaviour: Any = self._method.handler.unary_unary
        try:
            reply = behaviour(self._message, held)
        except Exception as raised:  # noqa: BLE001 - it is a refusal, or is raised again
            error = raised
        self.trailing = held.trailing
        return self._method.reply(held, reply, error)


class AsyncRunning(Running):
    """The same for a handler that is a coroutine."""

    async def __call__(self) -> bytes:  # type: ignore[override]
        """As that of ``Running``."""
        held, error, reply = AsyncHeldContext(self._context), None, None
        refuse_late(self._context)
        behaviour: Any = self._method.handler.unary_unary
        try:
            reply = await behaviour(self._message, held)
        except Exception as raised:  # noqa: BLE001 - it is a refusal, or is raised again
            error = raised
        self.trailing = held.trailing
        return self._method.reply(held, reply, error)
