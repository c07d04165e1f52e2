"""What participants have given up, as a test says it; no broker is asked."""

from __future__ import annotations

from typing import Final

from orchestrator.ports.dead_commands import DeadCommand, FoundDeadCommands

INVENTORY: Final = "shop.inventory.v1.InventoryService"
AT: Final = 1_790_000_000_000_000_000
"""An instant in nanoseconds since the epoch, UTC."""


class KnownDeadCommands:
    """See :class:`orchestrator.ports.dead_commands.DeadCommands`.

    Attributes:
        found: what there is.
        limits: how many were asked for, each time.
    """

    def __init__(self) -> None:
        self.found = FoundDeadCommands({}, [])
        self.limits: list[int] = []

    async def newest(self, limit: int) -> FoundDeadCommands:
        """See the port."""
        self.limits.append(limit)
        return self.found._replace(newest=self.found.newest[:limit])


def dead_command(saga_id: str, error: str = "it crashed", method: str = "ReserveStock") -> DeadCommand:
    """A command that the inventory has given up."""
    return DeadCommand(AT, INVENTORY, method, saga_id, f"{saga_id}/InventoryService.{method}#1", error, 6)
