"""Sends commands as an orchestrator does: a command of unknown outcome is sent again with the same key."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc.aio

from orchestrator.testing.conformance.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from orchestrator.contract.command import Command

# Seconds between the attempts. Of two attempts that race, a participant may refuse one with ABORTED or UNAVAILABLE.
_PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class Sender:
    """The way to one participant, and to the services that compensate or verify its commands.

    Args:
        channel: plain; the kit does not close it.
        others: the channels to other services, by their full names.
    """

    def __init__(self, channel: grpc.aio.Channel, others: Mapping[str, grpc.aio.Channel] | None = None) -> None:
        self.channel = channel
        self._others = others or {}

    async def send(self, command: Command, request: Message, metadata: tuple[tuple[str, str], ...]) -> Answer:
        """The first definite answer or, once the attempts are spent, the last one."""
        payload = request.SerializeToString()
        for pause in _PAUSES:
            answer = await self.send_once(command, payload, metadata)
            if not answer.is_unknown:
                return answer
            await asyncio.sleep(pause)
        return await self.send_once(command, payload, metadata)

    async def send_once(self, command: Command, payload: bytes, metadata: tuple[tuple[str, str], ...]) -> Answer:
        """The answer to one attempt with these bytes, which may be no valid request."""
        channel = self._others.get(command.service, self.channel)
        method: Any = channel.unary_unary(command.path, response_deserializer=command.response.FromString)
        call = method(payload, metadata=metadata, timeout=command.timeout.total_seconds(), wait_for_ready=True)
        try:
            return Answer.completed(await call, await call.trailing_metadata())
        except grpc.aio.AioRpcError as error:
            return Answer.failed(error, command.outcomes)
