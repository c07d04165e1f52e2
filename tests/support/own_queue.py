"""A queue of a test's own, seen from the orchestrator's side: what is published there, and what is answered."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import grpc
import nats.errors

from orchestrator.participant.queued.dead_letter import DeadLetter
from orchestrator.participant.queued.reply import QueuedReply
from shop.inventory.v1.inventory_pb2 import GetStockRequest, GetStockResponse
from tests.support.ways import OverNats, make_streams

if TYPE_CHECKING:
    from google.protobuf.descriptor import ServiceDescriptor
    from nats.aio.client import Client

    from orchestrator.participant.queued.subjects import Subjects


_STOCK = GetStockRequest(sku="MUG-BLUE")


class Queue:
    """One prefix of a broker, seen from the orchestrator's side."""

    def __init__(self, client: Client, url: str, subjects: Subjects) -> None:
        self.client = client
        self.subjects = subjects
        self.url = f"{url}/{subjects.prefix}"

    async def of(self, contract: ServiceDescriptor, **consumer: Any) -> OverNats:  # noqa: ANN401 - as JetStream names them
        """The way to one service, whose streams are made; ``consumer`` changes how its consumer is made."""
        await make_streams(self.client, self.subjects, contract.full_name, **consumer)
        over = OverNats(contract, self.client, self.subjects)
        await over.listen()
        return over

    async def kept(self, stream: str) -> int:
        return int((await self.client.jetstream().stream_info(stream)).state.messages)

    async def letter(self, service: str) -> DeadLetter:
        found = await self.client.jetstream().get_last_msg(self.subjects.dead, self.subjects.dead_of(service))
        return DeadLetter.read(found.headers, found.data or b"")

    async def stored(self, subject: str) -> QueuedReply:
        """The reply in the stream, as soon as it is there."""
        while True:
            with contextlib.suppress(nats.errors.Error):
                found = await self.client.jetstream().get_last_msg(self.subjects.replies, subject)
                return QueuedReply.read(found.headers, found.data or b"")

    async def empty(self) -> None:
        """Return as soon as every command is acknowledged."""
        while await self.kept(self.subjects.commands):  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.01)


async def published_and_answered(over: OverNats) -> int:
    """What is reserved, once the broker takes a question again; one that was under way may be lost with it."""
    while True:
        with contextlib.suppress(nats.errors.Error):
            told = await over("GetStock", _STOCK, (), 1.0)
            if told.code is grpc.StatusCode.OK:
                return GetStockResponse.FromString(told.body).reserved
