"""Tells the observer once more what an earlier process may not have passed on before it died, and only that.

A saga that goes on is observed again by the replica that recovers it. One that had just ended, or was suspended, is not
recovered, and what an observer held back of it would be lost: its trace might have no root.

Purpose: no saga's trace is cut short by a crash, and none is told twice after a drain. Invariant: the journal remembers
a replica from its first heartbeat until its observer has passed on all that it saw; so a replica that is remembered and
silent has crashed, and what it wrote in its last moments is told again.

::

    heartbeat ──▶ remembered ──drained, and all passed on──▶ forgotten: nothing is told again
                      │ crashed: silent
                      ▼
    the next start tells its last moments again ──long enough to pass that on──▶ forgotten
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalError
from orchestrator.journal.state import ENDED, Status
from orchestrator.ports.catalogue import SagaFilter

if TYPE_CHECKING:
    from orchestrator.ports.claims import SilentReplica
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal
    from orchestrator.ports.observer import HoldingObserver

_log = logging.getLogger(__name__)

_MOST: Final = 500
_SECOND: Final = 1_000_000_000
HELD_BACK_SECONDS: Final = 30
"""Longer than an observer holds anything back: a batch's delay, and an export with its retries."""
ALL_IS_TOLD: Final = 2**63 - 1
"""After every instant."""


class Republishing:
    """What one process tells again at its start, and says at its end.

    Args:
        journal: remembers replicas.
        observer: is told.
        clock: the time.
        owner: the name of this replica.
        lease: seconds for which a heartbeat counts.
    """

    def __init__(self, journal: Journal, observer: HoldingObserver, clock: Clock, *, owner: str, lease: float) -> None:
        self._journal = journal
        self._observer = observer
        self._clock = clock
        self._owner = owner
        self._lease = int(lease * _SECOND)
        self._retold: list[str] = []
        self._forgetting: asyncio.Task[None] | None = None

    async def open(self) -> int:
        """Tell again what crashed replicas may have held back; of how many sagas. Before any saga is advanced.

        As many as an observer may hold back, the newest. A journal that fails makes the traces poorer, no more.
        """
        try:
            silent = await self._journal.silent()
            self._retold = [replica.owner for replica in silent]
            if not self._observer.holds_back:
                await self._forget_retold()
                return 0
            self._observer.told_before = self._since(silent)
            retold = await self._tell_again() if silent else 0
        except JournalError as error:
            _log.warning("the latest traces may be incomplete: %s", error)
            return 0
        if silent:
            self._forgetting = asyncio.ensure_future(self._forget_later())
        return retold

    async def close(self, *, passed_on: bool) -> None:
        """The observer is closed.

        Args:
            passed_on: it has handed over everything, so that nothing needs to be told again.
        """
        if self._forgetting is not None:
            self._forgetting.cancel()
        if passed_on:
            self._retold.append(self._owner)
            with contextlib.suppress(JournalError):
                await self._forget_retold()

    def _since(self, silent: list[SilentReplica]) -> int:
        """From when on it may be that nothing was passed on."""
        last_beat = min((replica.alive_until for replica in silent), default=ALL_IS_TOLD) - self._lease
        return last_beat - HELD_BACK_SECONDS * _SECOND if silent else ALL_IS_TOLD

    async def _tell_again(self) -> int:
        since, retold = self._observer.told_before, 0
        records, _ = await self._journal.search(SagaFilter(statuses=ENDED | {Status.SUSPENDED}), _MOST, "")
        for record in records:
            if record.ended_at is not None and record.ended_at < since:
                continue
            entries = await self._journal.read(record.saga_id)
            if entries and entries[-1].at >= since:
                self._observer.recovered(record.saga_id, entries)
                retold += 1
        return retold

    async def _forget_later(self) -> None:
        await self._clock.sleep(HELD_BACK_SECONDS)
        with contextlib.suppress(JournalError):
            await self._forget_retold()

    async def _forget_retold(self) -> None:
        if self._retold:
            await self._journal.forget(self._retold)
            self._retold = []
