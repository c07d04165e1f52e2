"""Sends commands as an orchestrator does: a command of unknown outcome is sent again with the same key."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.testing.conformance.answers import Answer
    from orchestrator.testing.conformance.way import Way

# Seconds between the attempts. Of two attempts that race, a participant may refuse one with ABORTED or UNAVAILABLE.
_PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class Sender:
    """The way to one participant, and to the services that compensate or verify its commands.

    Args:
        way: the way to the participant.
        others: the ways to other services, by their full names.
    """

    def __init__(self, way: Way, others: Mapping[str, Way] | None = None) -> None:
        self.way = way
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
        return await self._others.get(command.service, self.way).send_once(command, payload, metadata)
