"""The guard of the chassis: the rules of ``orchestrator.participant.guard``, one hop to a worker thread a transaction.

Here a call's business is a plain function of a connection, and requests, replies and rejections are messages. A
rejection is *settled* where it holds for every attempt of its key; the answer then echoes the key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import grpc
from google.protobuf.message import Message
from sqlalchemy import Connection

from orchestrator.participant import GuardRefusal, Kind, guard, steps
from orchestrator.participant.driving import follow, take
from orchestrator.participant.engines import ConnectionRecords
from orchestrator.participant.errors import RefusedError
from orchestrator.participant.metadata import CallMetadata
from orchestrator.participant.records import Record
from orchestrator.participant.security.trust import Caller, Trusts, refuse_untrusted
from services.chassis.calls import current_traceparent
from services.chassis.database import Database
from services.chassis.errors import Rejection, ServiceError, Unavailable
from services.chassis.events.causes import Cause, during

ReplyT = TypeVar("ReplyT", bound=Message)


@dataclass(frozen=True, slots=True)
class Call(Generic[ReplyT]):
    """One call of a guarded method.

    Attributes:
        method: the name of the rpc.
        request: its request.
        metadata: what came with it.
        reply_type: the class of its reply.
        business: what it does, in the connection's transaction. May run more than once; only the last run
            counts.
    """

    method: str
    request: Message
    metadata: CallMetadata
    reply_type: type[ReplyT]
    business: Callable[[Connection], ReplyT]

    def of(self, kind: Kind) -> steps.Call:
        """This call as the rules know it."""
        # What is not recorded is not compared either.
        is_recorded = kind is not Kind.QUERY and self.metadata.idempotency_key is not None
        request = self.request.SerializeToString(deterministic=True) if is_recorded else b""
        return steps.Call(kind, self.method, request, self.metadata)

    def run(self, connection: Connection) -> bytes:
        """Run the business, as the rules know it."""
        try:
            reply = self.business(connection)
        except Rejection as rejection:
            raise RefusedError(rejection.to_bytes()) from rejection
        return reply.SerializeToString(deterministic=True)


class Guard:
    """Runs the calls of one service against its database, each intent once.

    Args:
        database: of the service.
        cause: for which events are published; without one, they say nothing of who tells them.
    """

    def __init__(self, database: Database, cause: Cause | None = None) -> None:
        self._database = database
        self._cause = cause or Cause("unknown")

    async def command(self, call: Call[ReplyT]) -> ReplyT:
        """Run a command that may be compensated or is a pivot; its rejection is as final as its reply.

        Raises:
            Rejection: by the business, now or when the key was first seen; or COMMAND_COMPENSATED or
                IDEMPOTENCY_KEY_REUSED.
            Unavailable: other calls kept recording the key, or the database is away.
        """
        return await self._answer(call, Kind.COMMAND)

    async def retryable(self, call: Call[ReplyT]) -> ReplyT:
        """Run a command that is retried until it succeeds: a rejection leaves no record, so a retry may succeed.

        Raises:
            Rejection: by the business; or COMMAND_COMPENSATED or IDEMPOTENCY_KEY_REUSED.
        """
        return await self._answer(call, Kind.RETRYABLE)

    async def compensation(self, call: Call[ReplyT]) -> ReplyT:
        """Run a compensation: undo its command if that took effect, and otherwise make sure that it never will.

        Without the metadata ``compensates``, the compensation runs like any command, and finds what to undo by its
        request.

        Raises:
            Rejection: by the business, leaving no record; or IDEMPOTENCY_KEY_REUSED.
        """
        return await self._answer(call, Kind.COMPENSATION)

    async def query(self, call: Call[ReplyT]) -> ReplyT:
        """Run a query; with the metadata ``verifies``, only if the command of that key took effect here.

        Raises:
            Rejection: by the business; or COMMAND_NOT_SEEN.
        """
        return await self._answer(call, Kind.QUERY)

    async def recording_query(self, call: Call[ReplyT]) -> ReplyT:
        """Run a query that writes records of its own and makes itself idempotent; raises as ``query`` does."""
        return await self._answer(call, Kind.QUERY, writes=True)

    async def has_seen(self, key: str) -> bool:
        """Whether a call with this idempotency key has been recorded here.

        Raises:
            Unavailable: the database is away.
        """
        return await self._database.read(lambda connection: bool(ConnectionRecords(connection).find(key)))

    async def _answer(self, call: Call[ReplyT], kind: Kind, *, writes: bool = False) -> ReplyT:
        cause = self._cause.for_(call.metadata.idempotency_key, current_traceparent(call.metadata))

        async def execute(unit: steps.Transaction | steps.Run) -> bytes | Record:
            assert isinstance(unit, steps.Transaction), "no service of the chassis stands before a foreign one"
            hop = self._database.transaction if writes or unit.writes else self._database.read
            return await hop(partial(_take, unit, call, cause))

        try:
            answer = await follow(guard.guarded(call.of(kind)), execute)
        except GuardRefusal as refusal:
            raise _refused(refusal) from refusal
        if answer.rejected:
            rejection = Rejection.from_bytes(answer.content)
            raise rejection.settle() if answer.echo else rejection
        return call.reply_type.FromString(answer.content)


def refuse_stranger(trusts: Trusts, tell: Callable[[], Caller], kind: str, metadata: CallMetadata, method: str) -> None:
    """Refuse a call whose caller does not have the role that it needs; see ``orchestrator.participant.security.trust``.

    Raises:
        Rejection: CALLER_NOT_TRUSTED; it holds for this attempt alone.
    """
    try:
        refuse_untrusted(trusts, tell, kind, metadata, method)
    except GuardRefusal as refusal:
        raise _refused(refusal) from refusal


def _take(unit: steps.Transaction, call: Call[ReplyT], cause: Cause, connection: Connection) -> bytes | Record:
    with during(cause):
        return take(unit.steps(), ConnectionRecords(connection), partial(call.run, connection))


def _refused(refusal: GuardRefusal) -> ServiceError:
    code = grpc.StatusCode[refusal.code]
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unavailable(refusal.message)
    rejection = Rejection(refusal.reason, refusal.message, code=code, metadata=refusal.metadata)
    return rejection.settle() if refusal.echo else rejection
