"""The way to participants over NATS JetStream."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.channels.nats.address import NatsAddress
from orchestrator.channels.nats.caller import Line, NatsCaller
from orchestrator.channels.nats.replies import Replies
from orchestrator.connections.jetstream import JetStream
from orchestrator.connections.nats import BrokerRefusedError, BrokerUnavailableError, NatsConnection
from orchestrator.participant.queued.subjects import NOT_SERVING, SERVING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.connections.nats_security import NatsSecurity, NatsServer
    from orchestrator.connections.tls import TokenFile
    from orchestrator.contract.command import Command

DEFAULT_QUEUE_SECONDS: Final = 3600.0
"""For so long a command waits in the queue, unless its contract or a setting says otherwise."""
DEFAULT_GROUP: Final = "orchestrator"

_HEALTH_SECONDS: Final = 1.0
_SAYS: Final = {SERVING: True, NOT_SERVING: False}


class NatsSettings(NamedTuple):
    """How participants are reached over NATS.

    Attributes:
        security: of the connections.
        replica: the name of this one.
        group: the replicas that share a journal: each group of one broker has a name of its own.
        queue_seconds: for how long a command may wait in the queue.
        most_bytes: the largest request and reply.
        tokens: what is sent along as ``authorization``, by the full name of a service.
    """

    security: NatsSecurity
    replica: str
    group: str = DEFAULT_GROUP
    queue_seconds: float = DEFAULT_QUEUE_SECONDS
    most_bytes: int = 16 * 1024 * 1024
    tokens: Mapping[str, TokenFile] = MappingProxyType({})


class NatsConnections:
    """The connections of one process to NATS: one for each server.

    Args:
        security: of the connections.
    """

    def __init__(self, security: NatsSecurity) -> None:
        self._security = security
        self._made: dict[NatsServer, NatsConnection] = {}

    def to(self, server: NatsServer) -> NatsConnection:
        """The connection to a server."""
        if server not in self._made:
            self._made[server] = NatsConnection(server, self._security)
        return self._made[server]


class NatsChannel:
    """The way to the participants behind one address; see :class:`orchestrator.ports.channel.Channel`.

    Args:
        scheme: ``nats`` or ``tls``.
        target: ``host:4222/prefix``.
        settings: how they are reached.
        connections: those of this process.

    Raises:
        SettingsError: the address is none, or the extra ``nats`` is not installed.

    Attributes:
        address: as it was read.
        stream: the broker.
    """

    def __init__(self, scheme: str, target: str, settings: NatsSettings, connections: NatsConnections) -> None:
        self.address = NatsAddress.parse(scheme, target)
        self._settings = settings
        connection = connections.to(self.address.server)
        self.stream = JetStream(connection)
        subjects = self.address.subjects
        replies = Replies(self.stream, subjects, settings.group, settings.replica)
        self._line = Line(self.stream, subjects, replies, settings.most_bytes)

    def caller(self, command: Command) -> NatsCaller:
        """See the port."""
        stated = command.queue_deadline
        seconds = self._settings.queue_seconds if stated is None else stated.total_seconds()
        return NatsCaller(self._line, command, seconds, self._settings.tokens.get(command.service))

    async def is_serving(self, service: str) -> bool | None:
        """See the port. Where nobody answers, the commands wait in the queue: that the broker is there is enough."""
        connection = self.stream.connection
        try:
            answer = await connection.request(self.address.subjects.health(service), b"", _HEALTH_SECONDS)
        except BrokerRefusedError:
            return None
        except BrokerUnavailableError:
            return None if connection.is_connected else False
        return _SAYS.get(answer.data)

    async def close(self) -> None:
        """See the port."""
        self._line.replies.close()
        await self.stream.connection.close()
