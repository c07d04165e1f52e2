"""One command as a message.

| header            | what it says                                                                                  |
|-------------------|-----------------------------------------------------------------------------------------------|
| ``Nats-Msg-Id``   | which attempt this is; the broker drops another message with the same one                     |
| ``Nats-TTL``      | seconds after which the broker drops a command that nobody has taken                          |
| ``Saga-Reply-To`` | the subject of the reply                                                                      |
| ``Saga-Expires-At`` | after this instant the command is not begun any more; RFC 3339, UTC                         |
| ``Saga-Timeout``  | seconds that one execution may take                                                           |
| others            | the metadata of the command: ``idempotency-key``, ``saga-id``, ``traceparent``, ``compensates`` |

The body is the serialized request. A command that has come too late is answered with DEADLINE_EXCEEDED and the reason
:data:`EXPIRED_IN_QUEUE`: this attempt had no effect; that says nothing of other attempts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import unquote

from orchestrator.participant.queued.headers import Metadata, text_to_header, to_headers, to_metadata

MESSAGE_ID: Final = "Nats-Msg-Id"
TIME_TO_LIVE: Final = "Nats-TTL"
REPLY_TO: Final = "Saga-Reply-To"
EXPIRES_AT: Final = "Saga-Expires-At"
TIMEOUT: Final = "Saga-Timeout"

EXPIRED_IN_QUEUE: Final = "EXPIRED_IN_QUEUE"
"""The reason of a reply to a command that was taken after its instant: it was not executed."""

ACK_WAIT: Final = 10.0
"""Seconds after which the broker delivers a command again of which it has heard nothing."""
IN_PROGRESS_EVERY: Final = 3.0
"""So often, in seconds, a participant tells the broker that it still works on a command."""
MOST_DELIVERIES: Final = 5
"""A command that was delivered so often without an end is not begun again; it goes to the dead letters."""
EXPIRY_MARGIN: Final = 60.0
"""Seconds. For so long after its instant the broker keeps a command, so that it is answered as expired."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class UnreadableCommandError(ValueError):
    """A message that no orchestrator has written; it goes to the dead letters with this text."""


@dataclass(frozen=True, slots=True)
class QueuedCommand:
    """A command as it travels.

    Attributes:
        request: the serialized request, byte for byte as it was journalled.
        metadata: of the command.
        message_id: of this attempt.
        reply_to: the subject of its reply.
        expires_at: nanoseconds since the epoch, UTC; rounded down to microseconds on the way.
        timeout: seconds.
    """

    request: bytes
    metadata: Metadata
    message_id: str
    reply_to: str
    expires_at: int
    timeout: float

    def headers(self, now: int) -> dict[str, str]:
        """The headers of the message, when it is published at this instant."""
        left = max(0.0, (self.expires_at - now) / 1e9)
        return {
            MESSAGE_ID: text_to_header(self.message_id),
            TIME_TO_LIVE: str(int(left + EXPIRY_MARGIN) + 1),
            REPLY_TO: self.reply_to,
            EXPIRES_AT: _written(self.expires_at),
            TIMEOUT: f"{self.timeout:.6f}",
            **to_headers(self.metadata),
        }

    @classmethod
    def read(cls, headers: Mapping[str, str] | None, body: bytes) -> "QueuedCommand":
        """The command in a message.

        Raises:
            UnreadableCommandError: a header is missing, or makes no sense.
        """
        try:
            headers = headers or {}
            return cls(
                body,
                to_metadata(headers),
                unquote(headers[MESSAGE_ID]),
                headers[REPLY_TO],
                _instant(headers[EXPIRES_AT]),
                float(headers[TIMEOUT]),
            )
        except KeyError as error:
            raise UnreadableCommandError(f"the header {error.args[0]} is missing") from error
        except (ValueError, OverflowError) as error:
            raise UnreadableCommandError(f"a header makes no sense: {error}") from error

    def is_expired(self, now: int) -> bool:
        """Whether it is not to be begun any more at this instant, nanoseconds since the epoch, UTC."""
        return now >= self.expires_at


def _written(instant: int) -> str:
    at = _EPOCH + timedelta(microseconds=instant // 1000)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _instant(written: str) -> int:
    at = datetime.fromisoformat(written)
    if at.tzinfo is None:
        raise ValueError(f"{written} has no time zone")
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
