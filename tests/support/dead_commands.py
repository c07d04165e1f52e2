"""What participants have given up, as a test says it; no broker is asked."""

from __future__ import annotations

from typing import Final

from orchestrator.errors import DeadCommandNotFound, ParticipantNotFound
from orchestrator.ports.dead_commands import DeadCommand, FoundDeadCommands

INVENTORY: Final = "shop.inventory.v1.InventoryService"
AT: Final = 1_790_000_000_000_000_000
"""An instant in nanoseconds since the epoch, UTC."""


class KnownDeadCommands:
    """See :class:`orchestrator.ports.dead_commands.DeadCommands`.

    Attributes:
        found: what there is.
        limits: how many were asked for, each time.
        away: raised instead of forgetting anything, where there is one.
    """

    def __init__(self) -> None:
        self.found = FoundDeadCommands({}, [])
        self.limits: list[int] = []
        self.away: Exception | None = None

    async def newest(self, limit: int) -> FoundDeadCommands:
        """See the port."""
        self.limits.append(limit)
        until = dict.fromkeys(self.found.numbers, AT)
        return self.found._replace(newest=self.found.newest[:limit], until=until)

    async def forget(self, service: str, identity: str) -> DeadCommand:
        """See the port."""
        self._refuse(service)
        found = [each for each in self.found.newest if (each.service, each.id) == (service, identity)]
        if not found:
            raise DeadCommandNotFound(service, identity)
        self._keep(service, [each for each in self.found.newest if each not in found])
        return found[0]

    async def forget_until(self, service: str, until: int) -> int:
        """See the port."""
        self._refuse(service)
        before = len(self.found.newest)
        self._keep(service, [each for each in self.found.newest if each.service != service or each.at > until])
        return before - len(self.found.newest)

    def _refuse(self, service: str) -> None:
        if self.away is not None:
            raise self.away
        if service not in self.found.numbers:
            raise ParticipantNotFound(service)

    def _keep(self, service: str, newest: list[DeadCommand]) -> None:
        number = sum(each.service == service for each in newest)
        self.found = self.found._replace(newest=newest, numbers={**self.found.numbers, service: number})


def dead_command(
    saga_id: str, error: str = "it crashed", method: str = "ReserveStock", at: int = AT, number: int = 1
) -> DeadCommand:
    """A command that the inventory has given up."""
    key = f"{saga_id}/InventoryService.{method}#1"
    return DeadCommand(at, INVENTORY, method, saga_id, key, error, 6, f"{number}-{at}")
