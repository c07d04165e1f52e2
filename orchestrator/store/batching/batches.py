r"""Batches: whatever gathers while one transaction is under way shares the next.

Purpose: alone, a write waits for one transaction; under load, hundreds share one. Invariant: one transaction at a time;
a write is told what came of it only after the transaction that holds it; writes keep the order of their calls.

::

    submit() ──▶ gathered ──write(batch)──▶ under way ──tell(batch)──▶ futures done ──ended()──┐
                  ▲    ▲                        │                                              │
                  │    └──── one_by_one(batch) ─┘                                              │
                  └─────────────────────────── gathers until then ◀────────────────────────────┘

A transaction costs its flush or its round trip, whether two writes share it or twenty. So, like PostgreSQL with
``commit_siblings``, the next one waits a moment for more while most of those who may write are elsewhere, with their
participants: until as many wait as are out, or the distance between two transactions is long enough. Alone, or in
lockstep, no write waits.

Which transaction that is, and on which thread or connection, is the store's: it may end before ``write`` returns, as
one of SQLite does on a quick disk, or in a task, as one does over a network.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.ports.journal import Committed

_MOST_IN_A_BATCH: Final = 1000

Work = TypeVar("Work")


class BatchedWrite(Generic[Work]):
    """Something to be written, and what came of it. It may be tried more than once, each time in another transaction.

    Attributes:
        work: what the store is to write.
        done: the future of the caller that waits.
        result: what to tell, where there is no error.
        error: why it was refused or failed; the others of its batch may stand.
    """

    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Work, done: asyncio.Future[Any]) -> None:
        self.work = work
        self.done = done
        self.result: Any = None
        self.error: Exception | None = None


class Batches(Generic[Work]):
    """Gathers writes, and has them written one batch after another.

    Args:
        write: begins the transaction of a batch, and returns at once. It must not raise, and it must see to it that
            then, on the loop, either :meth:`tell` or :meth:`one_by_one` is called with the batch, and after it
            :meth:`ended`.
        siblings: how many may write: those who wait here, and those who are elsewhere.
        distance: in seconds; how long after the beginning of one transaction the next one begins at the latest, while
            most are elsewhere.
        committed: called after each transaction with how many writes have shared it, and how many seconds it took.
    """

    def __init__(
        self,
        write: Callable[[list[BatchedWrite[Work]]], None],
        siblings: Callable[[], int],
        distance: float,
        committed: Committed | None = None,
    ) -> None:
        self._write = write
        self._siblings = siblings
        self._distance = distance
        self._committed = committed
        self._size = 0
        self._began_exactly = 0.0
        self._loop = asyncio.get_running_loop()
        self._gathered: list[BatchedWrite[Work]] = []
        self._to_be_alone = 0  # of those that are gathered, the first so many
        self._under_way = False
        self._due: asyncio.Handle | None = None
        self._is_due_soon = False
        self._began = 0.0
        self._idle = asyncio.Event()

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Have something written; the future is done, with the write's result or error, after its transaction."""
        done: asyncio.Future[Any] = self._loop.create_future()
        self._gathered.append(BatchedWrite(work, done))
        if not self._under_way and not self._is_due_soon:
            self._plan()
        return done

    def tell(self, batch: list[BatchedWrite[Work]]) -> None:
        """The transaction of this batch has ended: say what came of each write."""
        for write in batch:
            if write.done.done():  # the caller that waited was cancelled; the write stands
                continue
            if write.error is not None:
                write.done.set_exception(write.error)
            else:
                write.done.set_result(write.result)

    def one_by_one(self, batch: list[BatchedWrite[Work]]) -> None:
        """Nothing of this batch of several was written, for one of them cannot be: each shall have a transaction alone.

        They come before all that has gathered since. One that cannot be written then either disturbs no other.
        """
        for write in batch:
            write.error = None
        self._gathered[:0] = batch
        self._to_be_alone = len(batch)

    def ended(self) -> None:
        """No transaction is under way any more: the next one may begin."""
        self._under_way = False
        if self._committed is not None:
            self._committed(self._size, perf_counter() - self._began_exactly)
        # With the next turn of the loop: those who were just woken have something to write.
        self._is_due_soon = True
        self._due = self._loop.call_soon(self._go_on)

    async def drain(self) -> None:
        """Wait until all that was submitted is written."""
        while self._under_way or self._gathered:
            self._idle.clear()
            await self._idle.wait()

    def _plan(self) -> None:
        """Something may wait, and no transaction is under way: when is the next one due?"""
        wait = 0.0
        if 2 * len(self._gathered) < self._siblings() and not self._to_be_alone:
            wait = self._began + self._distance - self._loop.time()
        if wait <= 0:
            if self._due is not None:
                self._due.cancel()
            # With the next turn of the loop, so that all that is submitted in this one shares a transaction.
            self._due = self._loop.call_soon(self._begin)
            self._is_due_soon = True
        elif self._due is None:
            self._due = self._loop.call_later(wait, self._begin)

    def _begin(self) -> None:
        self._due = None
        self._is_due_soon = False
        if not self._gathered:
            return
        most = _MOST_IN_A_BATCH
        if self._to_be_alone:
            self._to_be_alone -= 1
            most = 1
        batch, self._gathered = self._gathered[:most], self._gathered[most:]
        self._under_way = True
        self._began = self._loop.time()
        if self._committed is not None:
            # The loop's time stands still until its next turn, and a quick commit has ended by then.
            self._size, self._began_exactly = len(batch), perf_counter()
        self._write(batch)

    def _go_on(self) -> None:
        self._due = None
        self._is_due_soon = False
        if self._gathered:
            self._plan()
        else:
            self._idle.set()
