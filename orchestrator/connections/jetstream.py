"""JetStream, as far as adapters need it: publish with acknowledgement, read one message, make and read streams.

What was not acknowledged is published again by its caller with the same ``Nats-Msg-Id``: the broker keeps one of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.connections.nats import BrokerRefusedError, BrokerUnavailableError, NatsConnection, Received

if TYPE_CHECKING:
    from nats.aio.msg import Msg

_API: Final = "$JS.API."
_API_SECONDS: Final = 5.0

NOT_FOUND: Final = frozenset({10014, 10037, 10043, 10059})
"""The numbers by which JetStream says that there is no such consumer, message or stream."""

_STATUS: Final = "Status"
_NO_MESSAGE: Final = "404"
_SUBJECT: Final = "Nats-Subject"


class Stored(NamedTuple):
    """What JetStream says of a message that it has stored.

    Attributes:
        stream: where.
        sequence: its number there.
        duplicate: it held one with this id already, and has dropped this one.
    """

    stream: str
    sequence: int
    duplicate: bool


class JetStream:
    """JetStream behind a connection.

    Args:
        connection: to the server.
    """

    def __init__(self, connection: NatsConnection) -> None:
        self.connection = connection

    async def publish(self, subject: str, body: bytes, headers: dict[str, str], seconds: float) -> Stored:
        """Publish a message, and wait until it is stored.

        Raises:
            BrokerUnavailableError: whether it is stored is not known; a NotConnectedError where nothing was sent.
            BrokerRefusedError: it is not.
        """
        answer = _read(await self.connection.request(subject, body, seconds, headers))
        return Stored(str(answer["stream"]), int(answer["seq"]), bool(answer.get("duplicate", False)))

    async def last(self, stream: str, subject: str, seconds: float = _API_SECONDS) -> Received | None:
        """The latest message of a stream with this subject, which may have wildcards; ``None`` where there is none.

        Raises:
            BrokerUnavailableError: the broker does not answer.
            BrokerRefusedError: there is no such stream.
        """
        asked = json.dumps({"last_by_subj": subject}).encode()
        found = await self.connection.request(f"{_API}DIRECT.GET.{stream}", asked, seconds)
        headers = {str(name): value for name, value in (found.headers or {}).items()}
        if headers.get(_STATUS) == _NO_MESSAGE:
            return None
        if _SUBJECT not in headers:
            raise BrokerUnavailableError(f"the stream {stream} cannot be read: {headers}")
        return Received(headers[_SUBJECT], headers, found.data)

    async def ask(
        self, what: str, about: dict[str, Any] | None = None, seconds: float = _API_SECONDS
    ) -> dict[str, Any]:
        """Call the API of JetStream: ``STREAM.INFO.commands``, for example.

        Raises:
            BrokerUnavailableError: the broker does not answer.
            BrokerRefusedError: it refuses, or has no JetStream.
        """
        return _read(await self.connection.request(f"{_API}{what}", json.dumps(about or {}).encode(), seconds))

    async def find(
        self, what: str, about: dict[str, Any] | None = None, seconds: float = _API_SECONDS
    ) -> dict[str, Any] | None:
        """The same; ``None`` where there is no such thing."""
        try:
            return await self.ask(what, about, seconds)
        except BrokerRefusedError as error:
            if error.code in NOT_FOUND:
                return None
            raise


def _read(answer: Msg) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads(answer.data)
    except ValueError:
        raise BrokerUnavailableError(f"the broker's answer cannot be read: {answer.data[:100]!r}") from None
    if error := said.get("error"):
        raise BrokerRefusedError(int(error.get("err_code", 0)), str(error.get("description", "it refused")))
    return said
