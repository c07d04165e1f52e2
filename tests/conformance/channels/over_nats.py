"""NATS in the suite: a real broker, connections through a proxy that can cut them, and a participant that pulls."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import uuid
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import nats.errors
from google.rpc import error_details_pb2, status_pb2
from nats.aio.client import Client

from orchestrator.channels.nats.channel import NatsChannel, NatsConnections, NatsSettings
from orchestrator.connections.nats_security import NatsSecurity
from orchestrator.contract.status_code import StatusCode
from orchestrator.participant.queued.command import EXPIRED_IN_QUEUE, QueuedCommand
from orchestrator.participant.queued.reply import DETAILS, QueuedReply
from orchestrator.participant.queued.subjects import NOT_SERVING, SERVING, Subjects, consumer_of
from orchestrator.testing.conformance.channels import (
    SERVICE,
    Arrived,
    ChannelUnderTest,
    Health,
    Mark,
    Refusal,
)
from orchestrator.testing.conformance.channels.harness import MOST_BYTES
from tests.support.proxy import Proxy
from tests.support.ways import make_streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.msg import Msg

    from orchestrator.testing.conformance.channels import Answer
    from tests.support.nats import NatsServer

LACKS: Final = frozenset({Mark.CONNECTION, Mark.PRESENCE})
NOBODY: Final = "127.0.0.1:1"
EXPIRED: Final = Refusal(
    StatusCode.DEADLINE_EXCEEDED, "too late", (error_details_pb2.ErrorInfo(reason=EXPIRED_IN_QUEUE),)
)
_AT_ONCE: Final = 200
_PULL_SECONDS: Final = 0.5
_SAID: Final = {Health.SERVING: SERVING, Health.NOT_SERVING: NOT_SERVING}


async def nothing(_arrived: Arrived) -> bytes:
    return b""


class NatsUnderTest(ChannelUnderTest):
    """See :class:`orchestrator.testing.conformance.channels.ChannelUnderTest`."""

    def __init__(self, stack: AsyncExitStack, broker: NatsServer) -> None:
        self.answer: Answer = nothing
        self.health = Health.SERVING
        self._is_leaving = False
        self._stack = stack
        self._broker = broker
        self._subjects = Subjects(f"test-{uuid.uuid4().hex}")
        self._proxy: Proxy | None = None
        self._client = Client()
        self._pulling: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._copies = 1

    async def start(self) -> None:
        await self._client.connect(self._broker.url)
        await make_streams(self._client, self._subjects, SERVICE.full_name)
        await self._client.close()
        await self.start_participant()
        self._stack.push_async_callback(self.stop_participant)
        self._proxy = await self._stack.enter_async_context(Proxy(self._broker.address, random.Random(1)))

    def open(self, most_bytes: int = MOST_BYTES) -> NatsChannel:
        assert self._proxy is not None
        return self._opened(self._proxy.address, most_bytes)

    def open_to_nobody(self) -> NatsChannel:
        return self._opened(NOBODY, MOST_BYTES)

    def cut(self) -> None:
        assert self._proxy is not None
        self._proxy.cut()

    async def stop_participant(self) -> None:
        assert self._pulling is not None
        self._is_leaving = True
        tasks = [self._pulling, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    async def start_participant(self) -> None:
        self._client, self._is_leaving = Client(), False
        await self._client.connect(self._broker.url, reconnect_time_wait=0, max_reconnect_attempts=-1)
        await self._client.subscribe(self._subjects.health(SERVICE.full_name), cb=self._tell_health)
        await self._client.flush()
        self._pulling = asyncio.create_task(self._pull())

    async def restart_broker(self) -> None:
        await asyncio.to_thread(self._broker.kill)
        await asyncio.to_thread(self._broker.start)

    def repeat_replies(self) -> None:
        self._copies = 2

    async def _tell_health(self, message: Msg) -> None:
        if self.health is not Health.UNTOLD:
            await message.respond(_SAID[self.health])

    async def _pull(self) -> None:
        stream = self._client.jetstream()
        consumer = consumer_of(SERVICE.full_name)
        pulled = await stream.pull_subscribe_bind(consumer, self._subjects.commands)
        while not self._is_leaving:  # the library may swallow that this task is cancelled
            with contextlib.suppress(nats.errors.Error, TimeoutError):
                for message in await pulled.fetch(_AT_ONCE, timeout=_PULL_SECONDS):
                    task = asyncio.create_task(self._taken(message))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def _taken(self, message: Msg) -> None:
        try:
            await self._answered(message)
        except asyncio.CancelledError:
            await message.nak()  # else the broker would wait before it delivers the command again
            raise

    async def _answered(self, message: Msg) -> None:
        command = QueuedCommand.read(message.headers, message.data)
        delivery = message.metadata.num_delivered
        service, method = self._subjects.method(message.subject)
        metadata = {name: value for name, value in command.metadata if isinstance(value, str)}
        if command.is_expired(time.time_ns()):
            reply = _reply(command, EXPIRED, delivery)
        else:
            answer = await self.answer(Arrived(f"/{service}/{method}", command.request, metadata))
            reply = _reply(command, answer, delivery)
        for _ in range(self._copies):
            await self._published(command.reply_to, reply)
        await message.ack()

    async def _published(self, subject: str, reply: QueuedReply) -> None:
        while True:
            with contextlib.suppress(nats.errors.Error, TimeoutError):
                await self._client.jetstream().publish(subject, reply.body, 1, headers=reply.headers())
                return
            await asyncio.sleep(0)

    def _opened(self, address: str, most_bytes: int) -> NatsChannel:
        security = NatsSecurity()
        settings = NatsSettings(security, replica=uuid.uuid4().hex, most_bytes=most_bytes)
        target = f"{address}/{self._subjects.prefix}"
        channel = NatsChannel("nats", target, settings, NatsConnections(security))
        self._stack.push_async_callback(channel.close)
        return channel


def _reply(command: QueuedCommand, answer: bytes | Refusal, delivery: int) -> QueuedReply:
    if not isinstance(answer, Refusal):
        return QueuedReply(command.message_id, answer, delivery=delivery)
    status = status_pb2.Status(code=answer.code.number, message=answer.message)
    for detail in answer.details:
        status.details.add().Pack(detail)
    details = ((DETAILS, status.SerializeToString()),) if answer.details else ()
    echoed = tuple(("idempotency-key", key) for key in answer.echo)
    return QueuedReply(
        command.message_id,
        status=answer.code.name,
        message=answer.message,
        trailing=(*echoed, *details),
        delivery=delivery,
    )


@asynccontextmanager
async def open_nats(broker: NatsServer) -> AsyncIterator[NatsUnderTest]:
    async with AsyncExitStack() as stack:
        opened = NatsUnderTest(stack, broker)
        await opened.start()
        yield opened
