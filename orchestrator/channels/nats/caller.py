r"""Delivers one command over NATS.

::

    (resumed) ──its reply is in the stream──────────────────────────────────────────▶ the outcome
        │ it is not                                                                     ▲
        ▼                                                                               │ heard, or found
    published, with the id of the attempt ──acknowledged──▶ queued ──────────────────────┤
        │ refused, or nobody there                             │ its time is over, and that of its execution
        ▼                                                      ▼
    not queued: retry, or unknown                          unknown

A publish without an acknowledgement is repeated with the same message id, and the broker keeps one of them. Where none
comes for a few seconds, another attempt may follow. Of a command of which none may follow, the message counts as queued
then: the broker may have stored it, and its answer comes as that of any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

from orchestrator.channels.nats.outcome import NO_ANSWER, echoed_key, outcome_of_refusal, outcome_of_reply
from orchestrator.channels.status import too_large
from orchestrator.connections.nats import BrokerRefusedError, BrokerUnavailableError, NotConnectedError
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Failure, Unknown
from orchestrator.participant.queued.command import QueuedCommand
from orchestrator.ports.queued import QueuedAttempt

if TYPE_CHECKING:
    from orchestrator.channels.nats.replies import Awaited, Replies
    from orchestrator.connections.jetstream import JetStream, Stored
    from orchestrator.connections.tls import TokenFile
    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome
    from orchestrator.participant.queued.subjects import Subjects

PUBLISH_SECONDS: Final = 5.0
"""For so long a publish is repeated that is not acknowledged. Then the caller decides."""

_ACK_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 0.1
_HEADER_BYTES: Final = 16_384


class Line(NamedTuple):
    """What the callers of one broker, below one prefix, share.

    Attributes:
        stream: the broker.
        subjects: the names below the prefix.
        replies: brings the replies.
        most_bytes: the largest request and reply.
    """

    stream: JetStream
    subjects: Subjects
    replies: Replies
    most_bytes: int


class NatsCaller:
    """Delivers one command; see :class:`orchestrator.ports.queued.QueuedCaller`.

    Args:
        line: the broker.
        command: the command.
        queue_seconds: for how long it may wait in the queue.
        token: what is sent along as ``authorization``; ``None`` for nothing.
    """

    _numbers = itertools.count(1)
    _process = uuid4().hex

    def __init__(self, line: Line, command: Command, queue_seconds: float, token: TokenFile | None = None) -> None:
        self.queue_seconds = queue_seconds
        self._line = line
        self._subject = line.subjects.command(command.service, command.method)
        self._rules = command.outcomes
        self._token = token

    async def __call__(self, request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:  # noqa: ASYNC109 - the deadline travels with the call
        """Make one attempt that nobody resumes; see the port."""
        now = time.time_ns()
        until = now + int(timeout * 1e9)
        attempt = QueuedAttempt(dict(metadata).get("saga-id", ""), 1, now, until, until)
        return await self._delivered(request, metadata, timeout, attempt, f"{self._process}#{next(self._numbers)}")

    async def queue(
        self,
        request: bytes,
        metadata: tuple[tuple[str, str], ...],
        timeout: float,  # noqa: ASYNC109 - of one execution; it travels with the command
        attempt: QueuedAttempt,
    ) -> Outcome:
        """See the port."""
        message_id = message_id_of(echoed_key(metadata), attempt.number)
        return await self._delivered(request, metadata, timeout, attempt, message_id)

    async def is_answered(self, saga_id: str, idempotency_key: str, number: int) -> bool:
        """See the port."""
        try:
            return await self._line.replies.find(saga_id, message_id_of(idempotency_key, number)) is not None
        except (BrokerUnavailableError, BrokerRefusedError):
            return False

    async def _delivered(
        self,
        request: bytes,
        metadata: tuple[tuple[str, str], ...],
        timeout: float,  # noqa: ASYNC109 - as above
        attempt: QueuedAttempt,
        message_id: str,
    ) -> Outcome:
        # What may be in the queue is not settled by what we would refuse to send now.
        if len(request) > self._line.most_bytes and not attempt.resumed:
            return too_large(len(request), self._line.most_bytes)
        while True:
            left = _left(attempt.until)
            # What may be in the queue is not given up because the broker is away.
            patience = max(0.01, left if attempt.resumed else min(PUBLISH_SECONDS, left))
            try:
                await self._line.stream.connection.client(patience)
                async with self._line.replies.awaiting(
                    attempt.saga_id, message_id, elsewhere=attempt.resumed
                ) as awaited:
                    sent = metadata if self._token is None else (*metadata, self._token.metadata)
                    command = QueuedCommand(request, sent, message_id, awaited.subject, attempt.expires_at, timeout)
                    return await self._answered(command, attempt, awaited, patience)
            except BrokerUnavailableError as error:  # nothing was published here
                if not attempt.resumed or _left(attempt.until) <= _PAUSE_SECONDS:
                    return Unknown(Failure(StatusCode.UNAVAILABLE, str(error)))
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _answered(
        self, command: QueuedCommand, attempt: QueuedAttempt, awaited: Awaited, patience: float
    ) -> Outcome:
        replies, size = self._line.replies, len(command.request)
        if attempt.resumed:
            await replies.look(awaited)
        if attempt.publish and not awaited.reply.done():
            stored = await self._publish(command, attempt, patience)
            if not isinstance(stored, bool):
                return stored
            attempt.is_queued = True
            if stored:  # it may have been published before, and answered
                awaited.look()
        looking = asyncio.ensure_future(replies.keep_looking(awaited))
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(awaited.reply), max(0.0, _left(attempt.until)))
        finally:
            looking.cancel()
        if not awaited.reply.done():
            await replies.look(awaited)
        if not awaited.reply.done():
            return Unknown(Failure(StatusCode.DEADLINE_EXCEEDED, "no answer has come by the queue", NO_ANSWER))
        received = awaited.reply.result()
        if received is None:
            return Unknown(Failure(StatusCode.CANCELLED, "the channel was closed during the call"))
        key = echoed_key(tuple((name, str(value)) for name, value in command.metadata))
        return outcome_of_reply(received, self._rules, key, size, self._line.most_bytes)

    async def _publish(self, command: QueuedCommand, attempt: QueuedAttempt, seconds: float) -> bool | Outcome:
        """Publish until that is acknowledged, for so long; whether it may be stored already, or what came instead."""
        ends_at, may_be_stored = time.monotonic() + seconds, attempt.resumed
        while True:
            left = ends_at - time.monotonic()
            try:
                stored: Stored = await self._line.stream.publish(
                    self._subject, command.request, command.headers(time.time_ns()), max(0.01, min(_ACK_SECONDS, left))
                )
            except BrokerRefusedError as error:
                if attempt.sole and may_be_stored:
                    return True
                most = self._line.stream.connection.most_bytes - _HEADER_BYTES
                return outcome_of_refusal(error, len(command.request), most, first=not may_be_stored)
            except BrokerUnavailableError as error:
                may_be_stored = may_be_stored or not isinstance(error, NotConnectedError)
                if ends_at - time.monotonic() <= _PAUSE_SECONDS:
                    if attempt.sole and may_be_stored:
                        return True
                    return Unknown(Failure(StatusCode.UNAVAILABLE, f"not acknowledged: {error}"))
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return stored.duplicate


def message_id_of(idempotency_key: str, number: int) -> str:
    """The id of the message that makes this attempt: the same from every replica, and after every restart."""
    return f"{idempotency_key}#{number}"


def _left(until: int) -> float:
    return (until - time.time_ns()) / 1e9
