"""One reply as a message.

| header              | what it says                                                                                |
|---------------------|---------------------------------------------------------------------------------------------|
| ``Saga-Answers``    | the ``Nats-Msg-Id`` of the command                                                          |
| ``Saga-Status``     | the name of the gRPC status code, such as ``OK``                                            |
| ``Saga-Message``    | the message of a status other than OK, written as metadata is                               |
| ``Saga-Delivery``   | at the how-manieth delivery of the command it was given, if that is the latest; missing      |
|                     | where there may be a later one by now                                                       |
| others              | the trailing metadata: ``grpc-status-details-bin``, the echoed ``idempotency-key``, others  |

The body is the serialized reply, and empty with a status other than OK. It is published to the subject that the command
names, with acknowledgement, before the command itself is acknowledged. A later reply to the same attempt counts as much
as an earlier one: they say the same, or one of them says more.

Where the command had been delivered before, a refusal says nothing of that delivery, which may have had an effect. Only
where the guard gives the idempotency key back does it hold for all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from orchestrator.participant.queued.headers import Metadata, text_to_header, to_headers, to_metadata

ANSWERS: Final = "Saga-Answers"
STATUS: Final = "Saga-Status"
MESSAGE: Final = "Saga-Message"
DELIVERY: Final = "Saga-Delivery"
OK: Final = "OK"
DETAILS: Final = "grpc-status-details-bin"
"""The trailing metadata that holds a serialized google.rpc.Status."""


class UnreadableReplyError(ValueError):
    """A message that is no reply; it is taken for a lost answer."""


@dataclass(frozen=True, slots=True)
class QueuedReply:
    """A reply as it travels.

    Attributes:
        answers: the message id of the command.
        body: the serialized reply.
        status: the name of the status code.
        message: of a status other than OK.
        trailing: the trailing metadata.
        delivery: at the how-manieth delivery it was given, from 1, and it is the latest; 0 where that is not known.
    """

    answers: str
    body: bytes = b""
    status: str = OK
    message: str = ""
    trailing: Metadata = ()
    delivery: int = 0

    def headers(self) -> dict[str, str]:
        """The headers of the message."""
        said = {MESSAGE: text_to_header(self.message)} if self.message else {}
        said |= {DELIVERY: str(self.delivery)} if self.delivery else {}
        return {ANSWERS: text_to_header(self.answers), STATUS: self.status, **said, **to_headers(self.trailing)}

    @classmethod
    def read(cls, headers: Mapping[str, str] | None, body: bytes) -> "QueuedReply":
        """The reply in a message.

        Raises:
            UnreadableReplyError: a header is missing, or makes no sense.
        """
        headers = headers or {}
        try:
            message = unquote(headers.get(MESSAGE, ""))
            told = headers.get(DELIVERY, "")
            delivery = int(told) if told.isdecimal() else 0
            return cls(unquote(headers[ANSWERS]), body, headers[STATUS], message, to_metadata(headers), delivery)
        except KeyError as error:
            raise UnreadableReplyError(f"the header {error.args[0]} is missing") from error
        except ValueError as error:
            raise UnreadableReplyError(f"a header makes no sense: {error}") from error
