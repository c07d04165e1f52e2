"""Which sagas no replica advances, and has not for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import JournalError

if TYPE_CHECKING:
    from orchestrator.ports.catalogue import UnclaimedCount
    from orchestrator.ports.claims import Served
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal

_NANOSECONDS = 1_000_000_000


class Unclaimed:
    """Looks now and then for sagas that nobody advances, where there are others who should.

    Args:
        journal: where the sagas are.
        clock: the time.
        lease: seconds after which others may take over when this replica falls silent.
        served: the definitions that this replica serves; ``None`` where it claims all sagas.
    """

    def __init__(self, journal: Journal, clock: Clock, lease: float, served: Served | None) -> None:
        self._journal = journal
        self._clock = clock
        self._lease = lease
        self._served = served
        self._looked_at = 0
        self._found: set[tuple[str, int]] = set()

    async def look(self) -> list[UnclaimedCount]:
        """Those that were not claimed for two leases, by definition and version; none where it is too early to look."""
        now = self._clock.now()
        if not self._journal.shared or now < self._looked_at + int(2 * self._lease * _NANOSECONDS):
            return []
        self._looked_at = now
        try:
            unclaimed = {(each.definition, each.version): each for each in await self._journal.unclaimed()}
        except JournalError:
            return []
        before, self._found = self._found, set(unclaimed)
        return [unclaimed[of] for of in (unclaimed.keys() & before).difference(self._served or ())]
