"""The commands that were given up, for a caller who is narrowed to some sagas: none to see, none to forget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.access.narrowed import narrowing
from orchestrator.errors import NotAllowed
from orchestrator.ports.dead_commands import FoundDeadCommands

if TYPE_CHECKING:
    from orchestrator.ports.dead_commands import DeadCommand, DeadCommands


class NarrowedDeadCommands:
    """The same, :class:`~orchestrator.ports.dead_commands.DeadCommands`, for the present caller.

    Args:
        dead_commands: of all sagas.
    """

    def __init__(self, dead_commands: DeadCommands) -> None:
        self._dead_commands = dead_commands

    async def newest(self, limit: int) -> FoundDeadCommands:
        """See the port. Who is narrowed is told of none, for neither the counts nor the brokers are of some sagas."""
        return FoundDeadCommands({}, []) if narrowing() else await self._dead_commands.newest(limit)

    async def forget(self, service: str, identity: str) -> DeadCommand:
        """See the port.

        Raises:
            NotAllowed: the caller sees some sagas only; so it is with the next one.
        """
        return await self._whole().forget(service, identity)

    async def forget_until(self, service: str, until: int) -> int:
        """See the port."""
        return await self._whole().forget_until(service, until)

    def _whole(self) -> DeadCommands:
        if narrowing():
            raise NotAllowed("NARROWED", "commands that were given up are of all sagas, and you see some of them")
        return self._dead_commands
