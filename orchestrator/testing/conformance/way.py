"""The way to a running participant, whatever carries it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import grpc.aio

from orchestrator.testing.conformance.answers import Answer

if TYPE_CHECKING:
    from orchestrator.contract.command import Command


class Way(Protocol):
    """Sends single attempts to the services at one address, and leaves retries to others."""

    async def ready(self, seconds: float) -> None:
        """Wait until connections are taken.

        Raises:
            TimeoutError: none was taken in so many seconds.
        """

    async def send_once(self, command: Command, payload: bytes, metadata: tuple[tuple[str, str], ...]) -> Answer:
        """The answer to one attempt with these bytes, which may be no valid request."""


class OverGrpc:
    """The way over gRPC.

    Args:
        channel: plain; it is not closed.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    async def ready(self, seconds: float) -> None:
        """See :class:`Way`."""
        await asyncio.wait_for(self._channel.channel_ready(), seconds)

    async def send_once(self, command: Command, payload: bytes, metadata: tuple[tuple[str, str], ...]) -> Answer:
        """See :class:`Way`."""
        method: Any = self._channel.unary_unary(command.path, response_deserializer=command.response.FromString)
        call = method(payload, metadata=metadata, timeout=command.timeout.total_seconds(), wait_for_ready=True)
        try:
            return Answer.completed(await call, await call.trailing_metadata())
        except grpc.aio.AioRpcError as error:
            return Answer.failed(error, command.outcomes)


def way_over(channel: grpc.aio.Channel | Way) -> Way:
    """A way as it is, or that over a channel of gRPC."""
    return OverGrpc(channel) if isinstance(channel, grpc.aio.Channel) else channel
