"""A participant that answers whatever it is told to, byte for byte."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest

from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.grpc.replaceable_channel import ChannelSettings
from orchestrator.contract.reader import read_service
from shop.inventory.v1 import inventory_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from orchestrator.journal.outcome import Outcome

    Answer = Callable[[bytes, Any], Coroutine[Any, Any, bytes]]

SERVICE = inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"]
COMMAND = read_service(SERVICE)["ReserveStock"]
METADATA = (("idempotency-key", "order-1/InventoryService.ReserveStock#1"),)


class Wild(grpc.GenericRpcHandler):
    """A participant of any make.

    Attributes:
        answer: gives the reply to a request; ``None`` for the status OK without a reply.
        silent: it answers nothing while this is set.
        called: how many requests have come.
    """

    def __init__(self) -> None:
        self.answer: Answer | None = _ok
        self.silent = False
        self.called = 0
        self.address = ""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ANN401 - gRPC's
        del handler_call_details
        return grpc.stream_stream_rpc_method_handler(self._converse)

    async def _converse(self, requests: Any, context: Any) -> AsyncIterator[bytes]:  # noqa: ANN401 - gRPC's
        async for request in requests:
            self.called += 1
            if self.silent:
                await asyncio.Event().wait()
            if self.answer is not None:
                yield await self.answer(request, context)


async def _ok(_request: bytes, _context: object) -> bytes:
    return b""


@pytest.fixture
async def wild() -> AsyncIterator[Wild]:
    found = Wild()
    server = grpc.aio.server(handlers=[found])
    found.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield found
    await server.stop(None)


class Way:
    """The way to a participant."""

    def __init__(self, address: str, **settings: Any) -> None:  # noqa: ANN401 - any setting
        self.channel = GrpcChannel(address, ChannelSettings(**settings))
        self._caller = self.channel.caller(COMMAND)

    async def call(self, request: bytes = b"", timeout: float = 5.0) -> Outcome:  # noqa: ASYNC109 - sent along
        return await self._caller(request, METADATA, timeout)


@pytest.fixture
async def way_to() -> AsyncIterator[Callable[..., Way]]:
    ways: list[Way] = []

    def make(address: str, **settings: Any) -> Way:  # noqa: ANN401 - any setting
        ways.append(Way(address, **settings))
        return ways[-1]

    yield make
    for way in ways:
        await way.channel.close()
