"""How a servicer's methods are written: as plain functions of a request and a transaction.

    class InventoryService(Participant, InventoryServiceServicer):
        @command
        def ReserveStock(self, request: ReserveStockRequest, connection: Connection) -> ReserveStockResponse:
            ...

The decorator says what the method is to a saga, as the contract does (a test compares the two), makes it
the asynchronous method that gRPC calls, and puts the guard around it.

| decorator            | the contract's effect           | a rejection       |
|----------------------|---------------------------------|-------------------|
| ``@command``         | COMPENSABLE, PIVOT              | is recorded       |
| ``@retryable``       | RETRYABLE                       | may succeed later |
| ``@compensation``    | RETRYABLE, named by a command   | may succeed later |
| ``@query``           | QUERY                           | is not recorded   |
| ``@recording_query`` | QUERY that writes records       | is not recorded   |
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial, wraps
from typing import Any, Final, TypeAlias, TypeVar

import grpc.aio
from google.protobuf.message import Message
from sqlalchemy import Connection

from orchestrator.participant.metadata import CallMetadata, Kind
from services.chassis.guard import Call, Guard
from services.chassis.settings import Settings

# The attribute of a method that says its kind.
KIND: Final = "kind"


class Participant:
    """A servicer whose methods run behind a guard."""

    def __init__(self, guard: Guard, settings: Settings) -> None:
        self.guard = guard
        self.settings = settings


SelfT = TypeVar("SelfT", bound=Participant)
RequestT = TypeVar("RequestT", bound=Message)
ReplyT = TypeVar("ReplyT", bound=Message)

Business: TypeAlias = Callable[[SelfT, RequestT, Connection], ReplyT]
Method: TypeAlias = Callable[
    [SelfT, RequestT, grpc.aio.ServicerContext[RequestT, Awaitable[ReplyT]]], Coroutine[Any, Any, ReplyT]
]


def command(business: Business[SelfT, RequestT, ReplyT]) -> Method[SelfT, RequestT, ReplyT]:
    """A command whose answer, reply or rejection, is final."""
    return _guarded(business, Guard.command, kind=Kind.COMMAND)


def retryable(business: Business[SelfT, RequestT, ReplyT]) -> Method[SelfT, RequestT, ReplyT]:
    """A command that is retried until it succeeds."""
    return _guarded(business, Guard.retryable, kind=Kind.RETRYABLE)


def compensation(business: Business[SelfT, RequestT, ReplyT]) -> Method[SelfT, RequestT, ReplyT]:
    """A compensation. It must succeed, doing nothing, where there is nothing to undo."""
    return _guarded(business, Guard.compensation, kind=Kind.COMPENSATION)


def query(business: Business[SelfT, RequestT, ReplyT]) -> Method[SelfT, RequestT, ReplyT]:
    """A query, which only reads."""
    return _guarded(business, Guard.query, kind=Kind.QUERY)


def recording_query(business: Business[SelfT, RequestT, ReplyT]) -> Method[SelfT, RequestT, ReplyT]:
    """A query that writes records of its own and makes itself idempotent."""
    return _guarded(business, Guard.recording_query, kind=Kind.QUERY)


def _guarded(
    business: Business[SelfT, RequestT, ReplyT],
    run: Callable[[Guard, Call[ReplyT]], Coroutine[Any, Any, ReplyT]],
    *,
    kind: Kind,
) -> Method[SelfT, RequestT, ReplyT]:
    name = business.__name__
    reply_type = business.__annotations__["return"]
    if not isinstance(reply_type, type):
        # The guard makes replies of this class, from records too.
        raise TypeError(f"{name}: annotate the reply's class itself; no `from __future__ import annotations` here")

    @wraps(business)
    async def method(
        self: SelfT, request: RequestT, context: grpc.aio.ServicerContext[RequestT, Awaitable[ReplyT]]
    ) -> ReplyT:
        metadata = CallMetadata.read(context.invocation_metadata())
        return await run(self.guard, Call(name, request, metadata, reply_type, partial(business, self, request)))

    setattr(method, KIND, kind)
    return method
