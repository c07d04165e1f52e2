"""A command that was given up, as a message in the stream of dead letters.

It keeps its body and its headers, but for those that the broker would act upon, and gets these:

| header            | what it says                                                  |
|-------------------|---------------------------------------------------------------|
| ``Saga-Died-Of``  | the error, in words                                           |
| ``Saga-Deliveries`` | how often the command was delivered                         |
| ``Saga-Subject``  | the subject to which it was published                         |
| ``Saga-Message-Id`` | its ``Nats-Msg-Id``, where it has one                       |

It is published with acknowledgement before the command itself is terminated. Where the command can be read, its saga is
answered with UNKNOWN and the reason :data:`DEAD_LETTERED`: it may have had an effect, for it was begun.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from orchestrator.participant.queued.command import MESSAGE_ID
from orchestrator.participant.queued.headers import text_to_header

DEAD_LETTERED: Final = "DEAD_LETTERED"
"""The reason of the reply to a command that was given up."""

DIED_OF: Final = "Saga-Died-Of"
DELIVERIES: Final = "Saga-Deliveries"
SUBJECT: Final = "Saga-Subject"
WAS_MESSAGE_ID: Final = "Saga-Message-Id"

# What the broker would act upon: it would drop the letter as a duplicate, or after a time.
_OF_THE_BROKER: Final = "nats-"
_LONGEST_ERROR: Final = 2000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A command that was given up.

    Attributes:
        subject: to which it was published.
        headers: of the command, as they came.
        body: of the command.
        error: why it was given up.
        deliveries: how often it was delivered.
    """

    subject: str
    headers: Mapping[str, str]
    body: bytes
    error: str
    deliveries: int

    def message_headers(self) -> dict[str, str]:
        """The headers of the message."""
        kept = {name: value for name, value in self.headers.items() if not name.lower().startswith(_OF_THE_BROKER)}
        if MESSAGE_ID in self.headers:
            kept[WAS_MESSAGE_ID] = self.headers[MESSAGE_ID]
        said = text_to_header(self.error[:_LONGEST_ERROR])
        return {**kept, DIED_OF: said, DELIVERIES: str(self.deliveries), SUBJECT: self.subject}

    @classmethod
    def read(cls, headers: Mapping[str, str] | None, body: bytes) -> "DeadLetter":
        """The letter in a message; what is missing is empty."""
        headers = headers or {}
        told = headers.get(DELIVERIES, "")
        return cls(
            headers.get(SUBJECT, ""),
            {name: value for name, value in headers.items() if name not in {DIED_OF, DELIVERIES, SUBJECT}},
            body,
            unquote(headers.get(DIED_OF, "")),
            int(told) if told.isdecimal() else 0,
        )
