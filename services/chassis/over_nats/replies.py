"""What is published: replies, and dead letters. Both are durable when a call returns."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext

from orchestrator.participant.metadata import IDEMPOTENCY_KEY
from orchestrator.participant.queued.command import QueuedCommand
from orchestrator.participant.queued.reply import DETAILS, QueuedReply
from services.chassis.arrivals import Answer

if TYPE_CHECKING:
    from orchestrator.participant.queued.headers import Metadata

_LOGGER = logging.getLogger(__name__)
PUBLISH_SECONDS: Final = 5.0
"""For so long an acknowledgement by the broker is awaited."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0


def reply_of(answer: Answer, command: QueuedCommand) -> QueuedReply:
    """The reply that says an answer; at which delivery of the command it is given, it does not say yet."""
    echo: Metadata = () if answer.echo is None else ((IDEMPOTENCY_KEY, answer.echo),)
    if answer.reply is not None:
        body = answer.reply.SerializeToString(deterministic=True)
        return QueuedReply(command.message_id, body, trailing=echo)
    assert answer.status is not None
    details: Metadata = ((DETAILS, answer.status.SerializeToString()),)
    return QueuedReply(
        command.message_id,
        status=answer.code.name,
        message=answer.status.message,
        trailing=(*echo, *details),
    )


class TooLargeError(Exception):
    """The broker takes no message of this size."""


class Publishing:
    """Publishes until the broker says that it has what was published.

    Args:
        stream: what the broker is asked by now; ``None`` while there is no connection.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        stream: Callable[[], JetStreamContext | None],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._stream = stream
        self._pause = pause

    async def __call__(self, subject: str, body: bytes, headers: Callable[[], Mapping[str, str]]) -> None:
        """Publish one message, again and again until it is durable.

        Args:
            subject: to which.
            body: of the message.
            headers: makes its headers, each time anew.

        Raises:
            TooLargeError: it will never be.
        """
        seconds = _FIRST_PAUSE
        while True:
            stream = self._stream()
            try:
                if stream is None:
                    raise nats.errors.ConnectionClosedError
                await stream.publish(subject, body, PUBLISH_SECONDS, headers=dict(headers()))
            except nats.errors.MaxPayloadError as error:
                raise TooLargeError from error
            except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
                _LOGGER.warning("cannot publish to %s: %s; trying again", subject, str(error) or type(error).__name__)
            else:
                return
            await self._pause(seconds)
            seconds = min(2 * seconds, _LONGEST_PAUSE)
