"""Notes for the other replicas which sagas of this one wait, and reads theirs.

Purpose: every replica lists the sagas that wait, whichever replica advances them. Invariant: no append of a saga has to
do with it; notes are written once a second at most, those of all sagas at once, and only where a wait has begun to last
or has ended. So a saga that backs off for a moment is noted nowhere.

::

    waits ──for two seconds──▶ noted ──waits no more, at two looks in a row──▶ removed
                                  └── its replica falls silent, or another one has claimed it: it counts no more

The other ways were to ask each owner when a list is wanted, which makes the list as slow as the slowest replica; and to
write it into the row of the saga, which each of its appends updates.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalError
from orchestrator.ports.noted_waits import NotedWait

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from orchestrator.engine.run.executor import Executor
    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal

_log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0
LASTS_SECONDS: Final = 2.0
"""For how long a saga has to wait before that is noted."""
_READ_AT_ONCE: Final = 500
_NANOSECONDS: Final = 1_000_000_000


class NotingWaits:
    """The notes of one replica.

    Args:
        journal: where they are.
        clock: the time.
        owner: this replica's name.
        live: what advances sagas here, by id.
    """

    def __init__(self, journal: Journal, clock: Clock, owner: str, live: Mapping[str, Executor]) -> None:
        self._journal = journal
        self._clock = clock
        self._owner = owner
        self._live = live
        self._noted: dict[str, NotedWait] = {}
        self._waited_no_more: set[str] = set()
        self._looking: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Look again and again from now on."""
        self._looking = asyncio.ensure_future(self._look_again_and_again())

    def close(self) -> None:
        """Look no more. The notes go with the claims."""
        if self._looking is not None:
            self._looking.cancel()

    async def look(self) -> None:
        """Note what has changed.

        Raises:
            JournalUnavailable: nothing is noted, or all is.
        """
        lasting = self._lasting()
        begun = [wait for saga_id, wait in lasting.items() if self._noted.get(saga_id) != wait]
        missing = self._noted.keys() - lasting.keys()
        # At a single look, it may just make an attempt that fails like those before it.
        ended = missing & self._waited_no_more
        self._waited_no_more = missing - ended
        if begun or ended:
            await self._journal.note_waits(self._owner, begun, sorted(ended))
        for saga_id in ended:
            del self._noted[saga_id]
        self._noted.update((wait.saga_id, wait) for wait in begun)

    async def elsewhere(self, reasons: Collection[int]) -> list[SagaRecord]:
        """The sagas that other replicas advance, and that wait for one of these reasons."""
        if not self._journal.shared:
            return []
        noted = await self._journal.noted_waits(self._owner)
        wanted = [wait.saga_id for wait in noted if not set(reasons).isdisjoint(wait.reasons)]
        found: list[SagaRecord] = []
        for first in range(0, len(wanted), _READ_AT_ONCE):
            found += await self._journal.find_each(wanted[first : first + _READ_AT_ONCE])
        return found

    def _lasting(self) -> dict[str, NotedWait]:
        latest = self._clock.now() - int(LASTS_SECONDS * _NANOSECONDS)
        waits = {}
        for saga_id, executor in self._live.items():
            waiting = executor.waiting
            if waiting and min(each.since for each in waiting) <= latest:
                waits[saga_id] = NotedWait(saga_id, tuple(sorted({each.reason.value for each in waiting})))
        return waits

    async def _look_again_and_again(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            try:
                await self.look()
            except JournalError as error:
                _log.debug("what sagas wait for cannot be noted: %s", error)
