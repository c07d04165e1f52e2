"""One command, from its delivery to its acknowledgement.

| the delivery                            | what becomes of it                                                    |
|-----------------------------------------|-----------------------------------------------------------------------|
| cannot be read                          | a dead letter with the error                                          |
| came more often than a command may      | a dead letter; its saga is told UNKNOWN, for it may have been executed |
| came after its instant, and the guard   | DEADLINE_EXCEEDED, EXPIRED_IN_QUEUE; it is not executed. Where it     |
| does not know it                        | was delivered before, without that reason: who knows what that did    |
| of a command that is in hand here       | the later delivery is acknowledged in the place of the earlier one    |
| else                                    | is answered as any other call                                         |

While a command is in hand, the broker is told so: else it would deliver it again after a short while. It may not hear
that from a process that is frozen, or cut off. So a reply says at which delivery it is given, and so that there is no
later one, only as long as the broker cannot have delivered the command again.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import grpc
import nats.errors
from google.protobuf import message_factory
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg

from orchestrator.participant.metadata import CallMetadata
from orchestrator.participant.queued.command import (
    ACK_WAIT,
    EXPIRED_IN_QUEUE,
    IN_PROGRESS_EVERY,
    MOST_DELIVERIES,
    QueuedCommand,
    UnreadableCommandError,
)
from orchestrator.participant.queued.dead_letter import DEAD_LETTERED, DeadLetter
from orchestrator.participant.queued.subjects import Subjects
from orchestrator.participant.security.trust import Caller
from services.chassis.answering import Answering
from services.chassis.arrivals import Answer, Arrival, Way
from services.chassis.errors import Explained, InternalError, InvalidRequest, Unavailable
from services.chassis.over_nats.replies import PUBLISH_SECONDS, TooLargeError, reply_of

_LOGGER = logging.getLogger(__name__)

MOST_IN_HAND: Final = 64
"""So many commands a process takes at once; the others are left to the other processes of the service."""

DELIVERED_BEFORE: Final = "DELIVERED_BEFORE"
"""The reason of a reply to a command whose time is over, and that was delivered before, with an unknown end."""

_KNOWN_SECONDS: Final = ACK_WAIT - PUBLISH_SECONDS
"""So long after a command was taken, a reply that is published is durable before the broker delivers it again."""

Publish: TypeAlias = Callable[[str, bytes, Callable[[], Mapping[str, str]]], Awaitable[None]]


@dataclass(slots=True)
class _InHand:
    """A command that is being answered."""

    message: Msg
    """Its latest delivery."""
    taken_at: float

    @property
    def delivery(self) -> int:
        """At the how-manieth delivery it is answered now; 0 where there may be another one by now."""
        is_known = time.monotonic() - self.taken_at < _KNOWN_SECONDS
        return self.message.metadata.num_delivered if is_known else 0


class Deliveries:
    """Takes the commands of one service.

    Args:
        answering: answers them.
        subjects: of the prefix.
        publish: makes a message durable.
        now: nanoseconds since the epoch, UTC.
    """

    def __init__(
        self, answering: Answering, subjects: Subjects, publish: Publish, *, now: Callable[[], int] = time.time_ns
    ) -> None:
        self._answering = answering
        self._service = answering.contract.full_name
        self._requests: dict[str, Any] = {
            method.name: message_factory.GetMessageClass(method.input_type) for method in answering.contract.methods
        }
        self._subjects = subjects
        self._publish = publish
        self._now = now
        self._in_hand: dict[str, _InHand] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def room(self) -> int:
        """How many commands may come, as soon as one may."""
        while len(self._tasks) >= MOST_IN_HAND:
            self._changed.clear()
            await self._changed.wait()
        return MOST_IN_HAND - len(self._tasks)

    def take(self, message: Msg) -> None:
        """Take a delivery."""
        task = asyncio.create_task(self._taken(message))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def drain(self, seconds: float) -> None:
        """Let what is in hand be finished for so long, and give the rest back. No more is taken."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # It is neither answered nor acknowledged, so it comes again, and is given up after a few times.
            _LOGGER.error("a command was not answered", exc_info=error)

    async def _taken(self, message: Msg) -> None:
        deliveries = message.metadata.num_delivered
        try:
            command = QueuedCommand.read(message.headers, message.data)
            _, method = self._subjects.method(message.subject)
            self._subjects.read_reply(command.reply_to)
        except (UnreadableCommandError, ValueError) as error:
            await self._bury(message, str(error), deliveries)
            return
        if command.message_id in self._in_hand:
            self._in_hand[command.message_id].message = message
            return
        self._in_hand[command.message_id] = _InHand(message, time.monotonic())
        working = asyncio.create_task(self._tell_progress(command.message_id))
        try:
            await self._answer(command, method, message, deliveries)
        except asyncio.CancelledError:
            await self._give_back(self._in_hand[command.message_id].message)
            raise
        finally:
            working.cancel()
            del self._in_hand[command.message_id]

    async def _answer(self, command: QueuedCommand, method: str, message: Msg, deliveries: int) -> None:
        if deliveries > MOST_DELIVERIES:
            error = f"it was delivered {deliveries - 1} times, and never answered"
            refusal = Explained(grpc.StatusCode.UNKNOWN, error, DEAD_LETTERED)
            await self._reply(command, self._answering.refused(refusal))
            await self._bury(self._in_hand[command.message_id].message, error, deliveries)
            return
        await self._reply(command, await self._answer_of(command, method, message.subject, deliveries))
        with contextlib.suppress(nats.errors.Error):  # then it comes again, and the guard knows it
            await self._in_hand[command.message_id].message.ack()

    async def _answer_of(self, command: QueuedCommand, method: str, subject: str, deliveries: int) -> Answer:
        if command.is_expired(self._now()):
            try:
                if not await self._answering.has_seen(CallMetadata.read(command.metadata)):
                    return self._answering.refused(_expired(deliveries))
            except Unavailable as error:
                return self._answering.refused(error)
        request_type = self._requests.get(method)
        if request_type is None:
            told = f"{self._service} has no method {method}"
            return self._answering.refused(Explained(grpc.StatusCode.UNIMPLEMENTED, told, "NO_SUCH_METHOD"))
        try:
            request = request_type.FromString(command.request)
        except DecodeError:
            told = "the bytes of the request are not of the type that this method takes"
            return self._answering.refused(InvalidRequest([("", told)]))
        until = time.monotonic() + command.timeout
        tokens = [str(value) for name, value in command.metadata if name == "authorization"]
        caller = Caller(authorization=tokens[0] if len(tokens) == 1 else "", peer=subject)
        call = Arrival.of(
            method,
            request,
            command.metadata,
            way=Way.NATS,
            seconds_left=lambda: until - time.monotonic(),
            tell_caller=lambda: caller,
        )
        return await self._answering.answer(call)

    async def _reply(self, command: QueuedCommand, answer: Answer) -> None:
        try:
            await self._publish_reply(command, answer)
        except TooLargeError:
            _LOGGER.exception("the reply to a command is larger than the broker takes")
            await self._publish_reply(command, self._answering.refused(InternalError()))

    async def _publish_reply(self, command: QueuedCommand, answer: Answer) -> None:
        reply, in_hand = reply_of(answer, command), self._in_hand[command.message_id]
        headers = lambda: replace(reply, delivery=in_hand.delivery).headers()  # noqa: E731 - it is made at each try
        await self._publish(command.reply_to, reply.body, headers)

    async def _bury(self, message: Msg, error: str, deliveries: int) -> None:
        _LOGGER.error("a command to %s is given up: %s", message.subject, error)
        letter = DeadLetter(message.subject, message.headers or {}, message.data, error, deliveries)
        subject = self._subjects.dead_of(self._service)
        try:
            await self._publish(subject, letter.body, letter.message_headers)
        except TooLargeError:  # it is as large as a message may be, and has more headers now
            letter = replace(letter, body=b"", error=f"{error}; its body is too large to be kept")
            await self._publish(subject, letter.body, letter.message_headers)
        with contextlib.suppress(nats.errors.Error):  # then it comes again, and is buried again
            await message.term()

    async def _tell_progress(self, message_id: str) -> None:
        while True:
            await asyncio.sleep(IN_PROGRESS_EVERY)
            with contextlib.suppress(nats.errors.Error):  # the broker is away
                await self._in_hand[message_id].message.in_progress()

    @staticmethod
    async def _give_back(message: Msg) -> None:
        """Let another process have it, now."""
        with contextlib.suppress(nats.errors.Error):  # then it is delivered again a little later
            await message.nak()


def _expired(deliveries: int) -> Explained:
    """The refusal of a command that has come too late."""
    told = "its time was over before it was taken from the queue; it was not executed"
    if deliveries == 1:
        return Explained(grpc.StatusCode.DEADLINE_EXCEEDED, told, EXPIRED_IN_QUEUE)
    told = f"its time was over at delivery {deliveries}; whether an earlier one has executed it is not known"
    return Explained(grpc.StatusCode.DEADLINE_EXCEEDED, told, DELIVERED_BEFORE)
