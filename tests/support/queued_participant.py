"""A participant that takes its commands from a real queue, and answers as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import nats
import nats.errors

from orchestrator.channels.nats.channel import NatsChannel, NatsConnections, NatsSettings
from orchestrator.channels.nats.provisioning import make, wanted
from orchestrator.connections.nats_security import NatsSecurity
from orchestrator.contract.addresses import NATS
from orchestrator.participant.errors import Refusal
from orchestrator.participant.queued.command import EXPIRED_IN_QUEUE, QueuedCommand
from orchestrator.participant.queued.dead_letter import DeadLetter
from orchestrator.participant.queued.reply import QueuedReply
from orchestrator.participant.queued.subjects import consumer_of
from orchestrator.participant.security.brokers import BrokerFiles
from orchestrator.participant.statuses import Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from nats.aio.client import Client

    from orchestrator.participant.queued.subjects import Subjects
    from orchestrator.ports.queued import QueuedAttempt
    from tests.support.nats import NatsServer

    Answer = Callable[[str, QueuedCommand], QueuedReply]

GROUP = "tests"


class Taken(NamedTuple):
    """One command as it was taken."""

    method: str
    command: QueuedCommand


class QueuedParticipant:
    """Takes the commands of one service.

    Attributes:
        answer: what is replied to a command, by its method.
        taken: the commands so far.
    """

    def __init__(self, client: Client, channel: NatsChannel, service: str) -> None:
        self._client = client
        self._subjects = channel.address.subjects
        self._service = service
        self._taking: asyncio.Task[None] | None = None
        self.answer: Answer = lambda _method, command: QueuedReply(command.message_id, b"done")
        self.taken: list[Taken] = []

    def take(self) -> None:
        """Take what there is, and what comes."""
        self._taking = asyncio.ensure_future(self._take())

    def leave(self) -> None:
        """Take nothing more."""
        if self._taking is not None:
            self._taking.cancel()

    async def _take(self) -> None:
        stream = self._client.jetstream()
        commands = await stream.pull_subscribe_bind(consumer_of(self._service), self._subjects.commands)
        # The library may swallow that this task is cancelled.
        while not self._client.is_closed:
            with contextlib.suppress(nats.errors.Error, TimeoutError):
                for message in await commands.fetch(10, timeout=1):
                    command = QueuedCommand.read(message.headers, message.data)
                    _, method = self._subjects.method(message.subject)
                    reply = replace(self._reply(method, command), delivery=message.metadata.num_delivered)
                    await stream.publish(command.reply_to, reply.body, headers=reply.headers())
                    await message.ack()

    def _reply(self, method: str, command: QueuedCommand) -> QueuedReply:
        if command.is_expired(time.time_ns()):
            return refusal(command, "DEADLINE_EXCEEDED", EXPIRED_IN_QUEUE)
        self.taken.append(Taken(method, command))
        return self.answer(method, command)


def refusal(command: QueuedCommand, code: str, reason: str, *, echoed: bool = False) -> QueuedReply:
    """A status other than OK, with its reason, and with the key where the guard itself refuses."""
    status = Status.of_refusal(Refusal(reason, "no", code=code), "tests")
    key = str(dict(command.metadata)["idempotency-key"])
    echo = (("idempotency-key", key),) if echoed else ()
    return QueuedReply(command.message_id, b"", code, "no", (*status.trailing, *echo), delivery=1)


def channel_to(
    server: NatsServer | str,
    replica: str = "replica-1",
    prefix: str = "",
    *,
    scheme: str = NATS,
    files: BrokerFiles = BrokerFiles(),  # noqa: B008 - it cannot be changed
    **settings: Any,  # noqa: ANN401 - of each type
) -> NatsChannel:
    """A channel to a server, or ``host:port``; with a prefix of its own, unless one is given."""
    security = NatsSecurity(files)
    made = NatsSettings(security, replica, GROUP, **settings)
    address = server if isinstance(server, str) else server.address
    return NatsChannel(scheme, f"{address}/{prefix or uuid4().hex}", made, NatsConnections(security))


async def provided(channel: NatsChannel, *services: str) -> None:
    """Make what the services need."""
    for each in wanted(dict.fromkeys(services, channel), GROUP):
        found = await make(each)
        assert not found.refusal, (str(each), found)


async def give_up(server: NatsServer, subjects: Subjects, service: str, *saga_ids: str) -> None:
    """Publish dead letters, as a participant does."""
    client = await nats.connect(server.url)
    for saga_id in saga_ids:
        headers = {"saga-id": saga_id, "idempotency-key": f"{saga_id}/S.M#1", "Nats-Msg-Id": saga_id}
        letter = DeadLetter(subjects.command(service, "ReserveStock"), headers, b"", "it\ncrashed", 6)
        await client.jetstream().publish(subjects.dead_of(service), b"", headers=letter.message_headers())
    await client.close()


async def until_queued(attempt: QueuedAttempt) -> None:
    """Wait until the broker has acknowledged an attempt."""
    while not attempt.is_queued:  # noqa: ASYNC110 - the channel sets it, and tells nobody
        await asyncio.sleep(0.01)


@asynccontextmanager
async def participating(
    server: NatsServer,
    channel: NatsChannel,
    service: str,
    **options: Any,  # noqa: ANN401 - as the client names them
) -> AsyncIterator[QueuedParticipant]:
    """A participant that takes commands until the block is left."""
    client = await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, **options)
    participant = QueuedParticipant(client, channel, service)
    participant.take()
    try:
        yield participant
    finally:
        participant.leave()
        with contextlib.suppress(TimeoutError):  # where the server is away, the library waits for it
            await asyncio.wait_for(client.close(), 2)
