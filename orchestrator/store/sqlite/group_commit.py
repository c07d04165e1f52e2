r"""Group commit: whatever gathers while one transaction is under way shares the next.

Purpose: alone, an append waits for one commit; under load, hundreds share one. Invariant: a future is done only
after the commit that holds its write; writes keep the order of their calls.

::

    submit() ──▶ gathered ──begin, write all──▶ written ──commit──▶ looked after ──▶ futures done
                    ▲                                                    │
                    └──────────────── gathers meanwhile ◀────────────────┘

The statements run on the event loop because each is a few microseconds, and a thread that runs them would have to get
hold of the interpreter anew after every one, against a busy loop. So does the commit, as long as the disk is quick:
handing over to a thread and back costs more than the wait, most of all for a saga that is alone. A slow disk's commits
are the thread's; so are checkpoints, and everything while somebody else has the file locked or a statement has failed.

A commit costs its flush, whether two share it or twenty. So, like PostgreSQL with ``commit_siblings``, the next one
waits a moment for more while most of those who may write are elsewhere, with their participants: until as many wait as
are out, or the distance between two commits is long enough. Alone, or in lockstep, nobody waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import JournalUnavailable, OrchestratorError
from orchestrator.store.sqlite.database import LOG_PAGES

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_SECONDS: Final = 5.0
_LOCKED_PAUSE_SECONDS: Final = 0.01
_MOST_PER_COMMIT: Final = 1000
_DISTANCE_SECONDS: Final = 0.004  # between the beginnings of two commits, while most are elsewhere
_QUICK_SECONDS: Final = 0.001  # what commits may take, on an average of the latest, to be the loop's
_WEIGHT_OF_THE_LATEST: Final = 0.125
_COMMITS_ON_A_SLOW_DISK: Final = 100  # are the thread's, before the loop tries again
_MOST_PAGES_IN_LOG: Final = LOG_PAGES - 500  # then it is checkpointed, and begins anew
_PAGES_PER_COMMIT: Final = 3  # and about one more for each write


class _Write:
    """Something to be written: ``work`` is called within a transaction, and may be called again in another."""

    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Callable[[], Any], done: asyncio.Future[Any]) -> None:
        self.work = work
        self.done = done
        self.result: Any = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.result = self.work()
        except OrchestratorError as error:
            self.error = error


class GroupCommit:
    """The only writer of one SQLite connection.

    Args:
        database: a connection without transactions of its own (``isolation_level=None``), which nobody else uses.
        before_commit: called, on the thread or the loop, before a transaction is committed: what the works have
            gathered for one statement is written now.
        on_rollback: called, on the thread or the loop, when a transaction was taken back.
        unavailable: the error to raise for an error of SQLite.
        trouble: asked, on the thread or the loop, when a transaction is committed, and before anything of it is
            acknowledged: why it may not be; empty if it may. It must not raise.
        siblings: how many may write: those who wait here, and those who are elsewhere.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        before_commit: Callable[[], None],
        on_rollback: Callable[[], None],
        unavailable: Callable[[Exception], JournalUnavailable],
        trouble: Callable[[], str],
        siblings: Callable[[], int],
    ) -> None:
        self._database = database
        self._before_commit = before_commit
        self._on_rollback = on_rollback
        self._unavailable = unavailable
        self._trouble = trouble
        self._is_astray = False
        self._siblings = siblings
        self._loop = asyncio.get_running_loop()
        # Otherwise whichever commit fills the log would checkpoint it, on the loop.
        database.execute("PRAGMA wal_autocheckpoint = 0")
        self._gathered: list[_Write] = []
        self._under_way = False
        self._due: asyncio.Handle | None = None
        self._is_due_soon = False
        self._began = 0.0
        self._usual_seconds = 0.0
        self._for_the_thread = 0
        self._pages_in_log = 0
        self._jobs: queue.SimpleQueue[Callable[[], list[_Write]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal-commit", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Write something; the future is done, with the work's result or error, when it is durable.

        The work either raises an :class:`OrchestratorError` before it has written anything, or it writes.
        """
        done: asyncio.Future[Any] = self._loop.create_future()
        self._gathered.append(_Write(work, done))
        if not self._under_way and not self._is_due_soon:
            self._plan()
        return done

    def _plan(self) -> None:
        """Something may wait, and no commit is under way: when is the next one due?"""
        wait = 0.0
        if 2 * len(self._gathered) < self._siblings():
            wait = self._began + _DISTANCE_SECONDS - self._loop.time()
        if wait <= 0:
            if self._due is not None:
                self._due.cancel()
            # With the next turn of the loop, so that all that is submitted in this one shares a commit.
            self._due = self._loop.call_soon(self._write_gathered)
            self._is_due_soon = True
        elif self._due is None:
            self._due = self._loop.call_later(wait, self._write_gathered)

    async def close(self) -> None:
        """Wait for what was submitted, write what the log holds into the database, and end the thread."""
        while self._under_way or self._gathered:
            await asyncio.wait([self._gathered[-1].done] if self._gathered else [self.submit(lambda: None)])
        self._jobs.put(self._checkpoint)  # SQLite does not when the file was moved
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _write_gathered(self) -> None:
        """On the loop: begin, write, and commit, or leave that to the thread."""
        self._due = None
        self._is_due_soon = False
        if not self._gathered:
            return
        self._under_way = True
        if self._pages_in_log >= _MOST_PAGES_IN_LOG:
            self._pages_in_log = 0
            self._jobs.put(self._checkpoint)
            return
        group, self._gathered = self._gathered[:_MOST_PER_COMMIT], self._gathered[_MOST_PER_COMMIT:]
        self._pages_in_log += _PAGES_PER_COMMIT + len(group)
        self._began = self._loop.time()
        if self._is_astray:
            self._jobs.put(lambda: self._write_if_back(group))
            return
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for write in group:
                write.run()
            self._before_commit()
        except Exception:  # noqa: BLE001 - whatever it is, the thread finds out in its own time
            self._jobs.put(lambda: self._start_over(group))
        else:
            self._commit_where_it_is_cheaper(group)

    def _commit_where_it_is_cheaper(self, group: list[_Write]) -> None:
        if self._for_the_thread:
            self._for_the_thread -= 1
            self._jobs.put(lambda: self._commit(group))
            return
        began = time.perf_counter()
        self._commit(group)
        took = time.perf_counter() - began
        self._usual_seconds += _WEIGHT_OF_THE_LATEST * (took - self._usual_seconds)
        if self._usual_seconds > _QUICK_SECONDS:
            self._usual_seconds = 0.0
            self._for_the_thread = _COMMITS_ON_A_SLOW_DISK
        self._finish(group)

    def _work(self) -> None:
        """The thread: whatever waits."""
        while (job := self._jobs.get()) is not None:
            group = job()
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._finish, group)

    def _finish(self, group: list[_Write]) -> None:
        """On the loop: say what came of it, and write what gathered meanwhile."""
        for write in group:
            if write.done.done():  # whoever waited was cancelled; the write stands
                continue
            if write.error is not None:
                write.done.set_exception(write.error)
            else:
                write.done.set_result(write.result)
        self._under_way = False
        # With the next turn of the loop: those who were just woken have something to write.
        self._is_due_soon = True
        self._due = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._due = None
        self._is_due_soon = False
        if self._gathered:
            self._plan()

    def _checkpoint(self) -> list[_Write]:
        with contextlib.suppress(sqlite3.Error):  # the log grows on, and the next one takes it
            self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return []

    def _commit(self, group: list[_Write]) -> list[_Write]:
        try:
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail(group, error)
        else:
            self._look_after(group)
        return group

    def _look_after(self, group: list[_Write]) -> None:
        """Acknowledge nothing that was written into files which the next start would not find."""
        trouble = self._trouble()
        self._is_astray = bool(trouble)
        if trouble:
            for write in group:
                write.error = write.error or JournalUnavailable(trouble)

    def _write_if_back(self, group: list[_Write]) -> list[_Write]:
        """On the thread: the files were not in their places when last seen."""
        self._look_after(group)
        if self._is_astray:
            # While the log can be read still, what was acknowledged before is brought into the database.
            return group + self._checkpoint()
        return self._start_over(group)

    def _start_over(self, group: list[_Write]) -> list[_Write]:
        """On the thread: the file is locked, or something could not be written: with patience, then one by one."""
        self._roll_back()
        try:
            self._write_patiently(group)
        except sqlite3.OperationalError as error:  # of the file: locked, full
            self._fail(group, error)
        except Exception:  # noqa: BLE001 - it lies in what one of them wants to write
            self._roll_back()
            for write in group:
                self._write_alone(write)
        return group

    def _write_alone(self, write: _Write) -> None:
        try:
            self._write_patiently([write])
        except Exception as error:  # noqa: BLE001 - nothing that is written may end the thread
            self._fail([write], error)

    def _write_patiently(self, group: list[_Write]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOCKED_PAUSE_SECONDS)
        for write in group:
            write.error = None
            write.run()
        self._before_commit()
        self._database.execute("COMMIT")
        self._look_after(group)

    def _fail(self, group: list[_Write], error: Exception) -> None:
        self._roll_back()
        for write in group:
            write.error = self._unavailable(error)

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._database.execute("ROLLBACK")
        self._on_rollback()
