r"""The transactions of one SQLite file: each is that of a batch, see :mod:`orchestrator.store.batching.batches`.

Invariant: a write is acknowledged only after the commit that holds it, and only while the file is in its place.

::

    batch ──begin, write all──▶ written ──commit──▶ looked after ──▶ told
              │                           └─(slow disk)─▶ the thread ─▲
              └─(locked, moved, cannot be written)──────▶ the thread ─┘

The statements run on the event loop because each is a few microseconds, and a thread that runs them would have to get
hold of the interpreter again after every one, against a busy loop. So does the commit, as long as the disk is quick:
handing over to a thread and back costs more than the wait, most of all for a saga that is alone. A slow disk's commits
are the thread's; so are checkpoints, and everything while another program locks the file or a statement has failed.

What stands here is SQLite's own, and no other store's: which thread commits, how long the log grows, patience with a
file that another program has locked, and where the file lies.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import JournalUnavailable, OrchestratorError
from orchestrator.store.append_refusals import entries_unwritable
from orchestrator.store.batching.batches import BatchedWrite, Batches
from orchestrator.store.sqlite.database import LOG_PAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.ports.journal import Committed

    Work = Callable[[], Any]
    Batch = list[BatchedWrite[Work]]
    Then = Callable[[], None]
    """What the loop does once the thread has done its part."""

_PATIENCE_SECONDS: Final = 5.0
_LOCKED_PAUSE_SECONDS: Final = 0.01
_DISTANCE_SECONDS: Final = 0.004  # between the beginnings of two commits, while most are elsewhere
_QUICK_SECONDS: Final = 0.001  # what commits may take, on an average of the latest, to be the loop's
_WEIGHT_OF_THE_LATEST: Final = 0.125
_COMMITS_ON_A_SLOW_DISK: Final = 100  # are the thread's, before the loop tries again
_MOST_PAGES_IN_LOG: Final = LOG_PAGES - 500  # then it is checkpointed, and begins again
_PAGES_PER_COMMIT: Final = 3  # and about one more for each write
_OF_A_VALUE: Final = (ValueError, TypeError, OverflowError, sqlite3.DataError)


class GroupCommit:
    """The only writer of one SQLite connection.

    Args:
        database: a connection without transactions of its own (``isolation_level=None``), which nothing else uses.
        before_commit: called, on the thread or the loop, before a transaction is committed: what the works have
            gathered for one statement is written now.
        on_rollback: called, on the thread or the loop, when a transaction was taken back.
        unavailable: the error to raise for an error of SQLite.
        trouble: asked, on the thread or the loop, when a transaction is committed, and before anything of it is
            acknowledged: why it may not be; empty if it may. It must not raise.
        siblings: how many may write: those who wait here, and those who are elsewhere.
        committed: is told of each transaction.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        before_commit: Callable[[], None],
        on_rollback: Callable[[], None],
        unavailable: Callable[[Exception], JournalUnavailable],
        trouble: Callable[[], str],
        siblings: Callable[[], int],
        committed: Committed | None = None,
    ) -> None:
        self._database = database
        self._before_commit = before_commit
        self._on_rollback = on_rollback
        self._unavailable = unavailable
        self._trouble = trouble
        self._is_astray = False
        self._loop = asyncio.get_running_loop()
        # Otherwise the commit that fills the log would checkpoint it, on the loop.
        database.execute("PRAGMA wal_autocheckpoint = 0")
        self._batches: Batches[Work] = Batches(self._write, siblings, _DISTANCE_SECONDS, committed)
        self._usual_seconds = 0.0
        self._for_the_thread = 0
        self._pages_in_log = 0
        self._jobs: queue.SimpleQueue[Callable[[], Then] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal-commit", daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Write something; the future is done, with the work's result or error, when it is durable.

        The work is called within a transaction, and may be called again in another. It either raises an
        :class:`OrchestratorError` before it has written anything, or it writes.
        """
        return self._batches.submit(work)

    async def close(self) -> None:
        """Wait for what was submitted, write what the log holds into the database, and end the thread."""
        await self._batches.drain()
        self._jobs.put(self._checkpoint)  # SQLite does not when the file was moved
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _write(self, batch: Batch) -> None:
        """On the loop: begin, write, and commit, or leave that to the thread."""
        self._pages_in_log += _PAGES_PER_COMMIT + len(batch)
        if self._is_astray:
            self._jobs.put(lambda: self._write_if_back(batch))
            return
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for write in batch:
                _run(write)
            self._before_commit()
        except Exception:  # noqa: BLE001 - whatever it is, the thread finds out in its own time
            self._jobs.put(lambda: self._start_over(batch))
        else:
            self._commit_where_it_is_cheaper(batch)

    def _commit_where_it_is_cheaper(self, batch: Batch) -> None:
        if self._for_the_thread:
            self._for_the_thread -= 1
            self._jobs.put(lambda: self._commit(batch))
            return
        began = time.perf_counter()
        then = self._commit(batch)
        took = time.perf_counter() - began
        self._usual_seconds += _WEIGHT_OF_THE_LATEST * (took - self._usual_seconds)
        if self._usual_seconds > _QUICK_SECONDS:
            self._usual_seconds = 0.0
            self._for_the_thread = _COMMITS_ON_A_SLOW_DISK
        then()

    def _work(self) -> None:
        """The thread: whatever waits."""
        while (job := self._jobs.get()) is not None:
            then = job()
            with contextlib.suppress(RuntimeError):  # the loop is closed: no write waits any more
                self._loop.call_soon_threadsafe(then)

    def _finish(self, batch: Batch) -> None:
        """On the loop: say what came of it, and let the next one begin, after a checkpoint where the log is long."""
        self._batches.tell(batch)
        if self._pages_in_log < _MOST_PAGES_IN_LOG:
            self._batches.ended()
        else:
            self._pages_in_log = 0
            self._jobs.put(self._checkpoint)

    def _write_each_alone(self, batch: Batch) -> None:
        self._batches.one_by_one(batch)
        self._batches.ended()

    def _checkpoint(self) -> Then:
        with contextlib.suppress(sqlite3.Error):  # the log grows on, and the next one takes it
            self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return self._batches.ended

    def _commit(self, batch: Batch) -> Then:
        try:
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail(batch, error)
        else:
            self._look_after(batch)
        return partial(self._finish, batch)

    def _look_after(self, batch: Batch) -> None:
        """Acknowledge nothing that was written into files which the next start would not find."""
        trouble = self._trouble()
        self._is_astray = bool(trouble)
        if trouble:
            for write in batch:
                write.error = write.error or JournalUnavailable(trouble)

    def _write_if_back(self, batch: Batch) -> Then:
        """On the thread: the files were not in their places when last seen."""
        self._look_after(batch)
        if self._is_astray:
            # While the log can be read still, what was acknowledged before is brought into the database.
            self._checkpoint()
            return partial(self._finish, batch)
        return self._start_over(batch)

    def _start_over(self, batch: Batch) -> Then:
        """On the thread: the file is locked, or something could not be written: with patience, else one by one."""
        self._roll_back()
        try:
            self._write_patiently(batch)
        except sqlite3.OperationalError as error:  # of the file: locked, full
            self._fail(batch, error)
        except Exception as error:  # noqa: BLE001 - it lies in what one of them wants to write
            self._roll_back()
            if len(batch) > 1:
                return partial(self._write_each_alone, batch)
            self._fail(batch, error)
        return partial(self._finish, batch)

    def _write_patiently(self, batch: Batch) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOCKED_PAUSE_SECONDS)
        for write in batch:
            write.error = None
            _run(write)
        self._before_commit()
        self._database.execute("COMMIT")
        self._look_after(batch)

    def _fail(self, batch: Batch, error: Exception) -> None:
        self._roll_back()
        why = entries_unwritable(error) if isinstance(error, _OF_A_VALUE) else self._unavailable(error)
        for write in batch:
            write.error = why

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._database.execute("ROLLBACK")
        self._on_rollback()


def _run(write: BatchedWrite[Work]) -> None:
    try:
        write.result = write.work()
    except OrchestratorError as error:
        write.error = error
