"""The commands that were given up, as a caller sees them who is narrowed to some sagas: none, for they are of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.access.narrowed import narrowing
from orchestrator.ports.dead_commands import FoundDeadCommands

if TYPE_CHECKING:
    from orchestrator.ports.dead_commands import DeadCommands


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
