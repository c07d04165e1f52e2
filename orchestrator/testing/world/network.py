"""One replica's connection to the participants: what a crashed process sends goes nowhere, and it learns nothing."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.channel import Caller
    from orchestrator.testing.mock.calls import Metadata
    from orchestrator.testing.world.virtual_loop import Process


class Network(Protocol):
    """Brings the calls of all replicas to their participants."""

    async def send(
        self,
        process: Process,
        command: Command,
        request: bytes,
        metadata: Metadata,
        timeout: float,  # noqa: ASYNC109 - the port's
    ) -> Outcome:
        """One attempt of one replica; see :class:`~orchestrator.ports.channel.Caller`."""

    async def is_serving(self, service: str) -> bool | None:
        """Whether a participant says that it serves; ``None`` where it does not tell."""


class NetworkConnection:
    """What one replica reaches the participants by; see :class:`~orchestrator.ports.channel.Participants`.

    Args:
        network: brings the calls to the participants.
        process: the replica's.
    """

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process

    def caller(self, command: Command) -> Caller:
        """The way to one command."""
        return partial(self._call, command)

    async def is_serving(self, service: str) -> bool | None:
        """Whether a participant says that it serves."""
        return await self._network.is_serving(service)

    async def _call(
        self,
        command: Command,
        request: bytes,
        metadata: Metadata,
        timeout: float,  # noqa: ASYNC109 - the port's
    ) -> Outcome:
        await self._unless_crashed()
        outcome = await self._network.send(self._process, command, request, metadata, timeout)
        await self._unless_crashed()
        return outcome

    async def _unless_crashed(self) -> None:
        """Return where the process runs. What a crashed one still does in its last turn ends here."""
        if self._process.crashed:
            await asyncio.get_running_loop().create_future()
