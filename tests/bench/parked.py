"""Parked sagas for the bench: written straight into a store, and what goes on with one that was woken.

So far this is the store and the waking alone: a woken saga is read, and ended with one append, where a real one would
be replayed and go on.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.replica.claiming.timers import Timers
from orchestrator.journal.entries import SagaCompleted
from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append, NewSaga
from tests.bench.journals import drawn_ids
from tests.support.journals import EVERY_ENTRY

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Sequence

    from orchestrator.ports.claims import Claim
    from orchestrator.ports.journal import Journal

OWNER: Final = "bench"
DEFINITION: Final = ("place_order", 1)
LEASE_SECONDS: Final = 15.0
_AT_ONCE: Final = 2000
_ENTRIES: Final = EVERY_ENTRY[:5]


async def park(journal: Journal, wake_at: Sequence[int], told: Callable[[str], None]) -> list[str]:
    """Write a saga for each of these instants, nanoseconds by the clock of the store; their ids."""
    saga_ids = drawn_ids(len(wake_at), seed=wake_at[0] if wake_at else 0)
    for first in range(0, len(saga_ids), _AT_ONCE):
        some = range(first, min(first + _AT_ONCE, len(saga_ids)))
        await asyncio.gather(*(journal.append(_parked(saga_ids[each], wake_at[each])) for each in some))
        if first and first % 50_000 == 0:
            told(f"{first} of {len(saga_ids)} parked sagas written")
    return saga_ids


def _parked(saga_id: str, wake_at: int) -> Append:
    new = NewSaga(*DEFINITION, b"digest", time.time_ns(), (("customer_id", "ada"),))
    return Append(saga_id, OWNER, 1, 0, _ENTRIES, Status.WAITING, None, new, wake_at)


class Waker:
    """Wakes what is due in a store, and ends it.

    Args:
        journal: the store.

    Attributes:
        woken_at: when each was woken, nanoseconds, by its id; the first one first.
        ended: how many have ended.
    """

    def __init__(self, journal: Journal) -> None:
        self.woken_at: dict[str, int] = {}
        self.ended = 0
        self._journal = journal
        self._live: set[str] = set()
        self._timers = Timers(
            journal,
            SystemClock(),
            owner=OWNER,
            served=[DEFINITION],
            live=self._live,
            lease=LEASE_SECONDS,
            longest_pause=1.0,
            recover=self._recover,
        )

    async def run(self) -> None:
        """Wake them until this is cancelled, and keep the claims alive."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            tasks.create_task(self._timers.run())

    async def _beat(self) -> None:
        while True:
            await self._journal.heartbeat(OWNER, int(LEASE_SECONDS * 1e9))
            await asyncio.sleep(1.0)

    async def _recover(self, claim: Claim) -> Future[Any]:
        entries = await self._journal.read(claim.saga_id)
        self.woken_at[claim.saga_id] = now = time.time_ns()
        self._live.add(claim.saga_id)
        end = SagaCompleted(now, b"")
        stopped = self._journal.append(
            Append(claim.saga_id, OWNER, claim.token, len(entries), [end], Status.COMPLETED, now)
        )
        stopped.add_done_callback(lambda stopped: self._end(claim.saga_id, stopped))
        return stopped

    def _end(self, saga_id: str, stopped: Future[Any]) -> None:
        if stopped.exception() is None:  # else it was claimed anew, once in a lease, before its end was durable
            self.ended += 1
            self._live.discard(saga_id)
