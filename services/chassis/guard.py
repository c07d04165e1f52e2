"""The participant's side of idempotency: every command takes effect at most once, whatever is repeated or late.

The record of a command is committed together with its effect, so the two cannot disagree. The rules, by what
is recorded of the command's idempotency key when a call arrives:

    recorded     the command arrives         its compensation arrives     its verify query arrives
    ---------    ------------------------    -------------------------    ------------------------
    nothing      runs; records the answer    does nothing, succeeds;      NOT_FOUND
                                             leaves a tombstone           COMMAND_NOT_SEEN
    completed    the same reply              undoes it                    the query's reply
    rejected     the same rejection          does nothing, succeeds       NOT_FOUND
    tombstone    refused:                    does nothing, succeeds       NOT_FOUND
                 COMMAND_COMPENSATED

A compensation has a key, and so a record, of its own: repeated, it gets the same reply. A key that comes with
another method or request is refused: IDEMPOTENCY_KEY_REUSED. A call without a key simply runs.

A rejection that follows from a record is *settled*: it holds for every attempt of its key, and the interceptor
says so by echoing the key. Two rejections are not settled: one that leaves no record (of a command that may succeed
later), because another attempt may still arrive; and that of a reused key, because its first use may have had an
effect. A query has no effect, so its rejections are settled without a record.

The hot path costs two statements: one finds that there is no record, one inserts it at the end. Nobody holds a
lock while the business change runs; of two transactions that race for a key, the second one's insert waits for
the first, fails on the primary key, rolls its business change back and runs again to find the record. Records are
kept for good, so a key can be lost in one round only, and a call has two keys at most.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

import grpc
from google.protobuf.message import Message
from sqlalchemy import Connection

from services.chassis.database import Database
from services.chassis.errors import Rejection, Unavailable
from services.chassis.metadata import CallMetadata
from services.chassis.records import KeyTakenError, Outcome, Record, find, find_both, keep

ReplyT = TypeVar("ReplyT", bound=Message)
_NO_KEY: Final = ""
# A compensation may lose the key of its command in one round and its own in the next; the third finds both.
_ROUNDS: Final = 3


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

    def digest(self) -> bytes:
        """SHA-256 of the request."""
        return hashlib.sha256(self.request.SerializeToString(deterministic=True)).digest()

    def completed(self, key: str, reply: ReplyT) -> Record:
        """The record of this call under ``key``, answered with ``reply``."""
        return Record(key, self.method, Outcome.COMPLETED, self.digest(), reply.SerializeToString(deterministic=True))


class Guard:
    """Runs the calls of one service against its database, each intent once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def command(self, call: Call[ReplyT]) -> ReplyT:
        """Run a command that may be compensated or is a pivot; its rejection is as final as its reply.

        Raises:
            Rejection: by the business, now or when the key was first seen; or COMMAND_COMPENSATED or
                IDEMPOTENCY_KEY_REUSED.
        """
        try:
            return await self.retryable(call)
        except _Refusal:
            raise
        except Rejection as rejection:
            return await self._reject(call, rejection)

    async def retryable(self, call: Call[ReplyT]) -> ReplyT:
        """Run a command that is retried until it succeeds: a rejection leaves no record, so a retry may succeed.

        Raises:
            Rejection: by the business; or COMMAND_COMPENSATED or IDEMPOTENCY_KEY_REUSED.
        """
        key = call.metadata.idempotency_key
        if key is None:
            return await self._database.transaction(call.business)
        return await self._once(call, partial(_run_command, call, key))

    async def compensation(self, call: Call[ReplyT]) -> ReplyT:
        """Run a compensation: undo its command if that took effect, and otherwise make sure that it never will.

        Without the metadata ``compensates``, the compensation runs like any command, and finds what to undo by its
        request.

        Raises:
            Rejection: by the business, leaving no record; or IDEMPOTENCY_KEY_REUSED.
        """
        command = call.metadata.compensates
        if command is None:
            return await self.retryable(call)
        return await self._once(call, partial(_run_compensation, call, call.metadata.idempotency_key, command))

    async def query(self, call: Call[ReplyT]) -> ReplyT:
        """Run a query; with the metadata ``verifies``, only if the command of that key took effect here.

        Raises:
            Rejection: by the business; or COMMAND_NOT_SEEN.
        """
        return await _settled(self._database.read(partial(_run_query, call)))

    async def recording_query(self, call: Call[ReplyT]) -> ReplyT:
        """Run a query that writes records of its own and makes itself idempotent; raises as ``query`` does."""
        return await _settled(self._database.transaction(partial(_run_query, call)))

    async def _once(self, call: Call[ReplyT], run: Callable[[Connection], ReplyT | Record]) -> ReplyT:
        for _ in range(_ROUNDS):
            try:
                result = await self._database.transaction(run)
            except KeyTakenError:
                continue  # The key has a record now, so the next round finds it.
            return _answer(call, result) if isinstance(result, Record) else result
        raise Unavailable("this idempotency key is being recorded by other calls")

    async def _reject(self, call: Call[ReplyT], rejection: Rejection) -> ReplyT:
        # The business change is rolled back by now. If another delivery of the same key was recorded since then,
        # that record answers both.
        key = call.metadata.idempotency_key
        if key is None:
            raise rejection
        record = Record(key, call.method, Outcome.REJECTED, call.digest(), rejection.to_bytes())
        try:
            await self._database.transaction(lambda connection: keep(connection, record))
        except KeyTakenError:
            return await self._once(call, partial(_find_record, key))
        raise rejection.settle()


class _Refusal(Rejection):
    """A refusal by the guard itself: it follows from a record, so it is not recorded."""


async def _settled(query: Awaitable[ReplyT]) -> ReplyT:
    try:
        return await query
    except Rejection as rejection:
        raise rejection.settle() from rejection


def _run_command(call: Call[ReplyT], key: str, connection: Connection) -> ReplyT | Record:
    record = find(connection, key)
    if record is not None:
        return record
    reply = call.business(connection)
    keep(connection, call.completed(key, reply))
    return reply


def _run_compensation(call: Call[ReplyT], key: str | None, command: str, connection: Connection) -> ReplyT | Record:
    record, undone = find_both(connection, key or _NO_KEY, command)
    if record is not None:
        return record
    if undone is not None and undone.outcome is Outcome.COMPLETED:
        reply = call.business(connection)
    else:
        reply = call.reply_type()
    if undone is None:
        keep(connection, Record(command, call.method, Outcome.COMPENSATED))
    if key is not None:
        keep(connection, call.completed(key, reply))
    return reply


def _run_query(call: Call[ReplyT], connection: Connection) -> ReplyT:
    key = call.metadata.verifies
    if key is not None:
        record = find(connection, key)
        if record is None or record.outcome is not Outcome.COMPLETED:
            raise Rejection(
                "COMMAND_NOT_SEEN",
                "no command with this idempotency key took effect here",
                code=grpc.StatusCode.NOT_FOUND,
                metadata={"idempotency_key": key},
            )
    return call.business(connection)


def _find_record(key: str, connection: Connection) -> Record:
    record = find(connection, key)
    if record is None:
        raise KeyTakenError(key)
    return record


def _answer(call: Call[ReplyT], record: Record) -> ReplyT:
    """Answer a repeated key from its record."""
    facts = {"idempotency_key": record.key, "method": record.method}
    if record.outcome is Outcome.COMPENSATED:
        refusal = _Refusal("COMMAND_COMPENSATED", "the compensation of this command came first", metadata=facts)
        raise refusal.settle()
    if record.method != call.method or record.request_digest != call.digest():
        raise _Refusal(
            "IDEMPOTENCY_KEY_REUSED", "this idempotency key was used for another method or request", metadata=facts
        )
    assert record.answer is not None, "only a tombstone has no answer"
    if record.outcome is Outcome.REJECTED:
        raise _Refusal.from_bytes(record.answer).settle()
    return call.reply_type.FromString(record.answer)
