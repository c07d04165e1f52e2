r"""Group commit: the event loop writes, a thread commits.

Purpose: while a commit waits for the disk, the loop goes on and appends gather; when it has ended, all that
gathered is written into one transaction and committed, without a timer. Alone, an append waits for one commit; under
load, hundreds share one. Invariant: a future is done only after the commit that holds its write; writes keep the
order of their calls.

::

    submit() ──▶ gathered ──(loop: begin, write all)──▶ written ──(thread: commit)──▶ futures done
                    ▲                                                   │
                    └───────────── gathers meanwhile ◀──────────────────┘

The statements run on the loop because each is a few microseconds, and a thread that runs them would have to get hold
of the interpreter anew after every one, against a busy loop. Only what waits, the commit and its fsync, is the
thread's; so is everything, while somebody else has the file locked or a statement has failed.
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

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_SECONDS: Final = 5.0
_LOCKED_PAUSE_SECONDS: Final = 0.01
_MOST_PER_COMMIT: Final = 1000


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
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        before_commit: Callable[[], None],
        on_rollback: Callable[[], None],
        unavailable: Callable[[Exception], JournalUnavailable],
    ) -> None:
        self._database = database
        self._before_commit = before_commit
        self._on_rollback = on_rollback
        self._unavailable = unavailable
        self._loop = asyncio.get_running_loop()
        self._gathered: list[_Write] = []
        self._busy = False
        self._jobs: queue.SimpleQueue[Callable[[], list[_Write]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal-commit", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Write something; the future is done, with the work's result or error, when it is durable.

        The work either raises an :class:`OrchestratorError` before it has written anything, or it writes.
        """
        done: asyncio.Future[Any] = self._loop.create_future()
        self._gathered.append(_Write(work, done))
        if not self._busy:
            self._busy = True
            # With the next turn of the loop, so that all that is submitted in this one shares a commit.
            self._loop.call_soon(self._write_gathered)
        return done

    async def close(self) -> None:
        """Wait for what was submitted, and end the thread."""
        while self._busy:
            await asyncio.wait([self._gathered[-1].done] if self._gathered else [self.submit(lambda: None)])
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _write_gathered(self) -> None:
        """On the loop: begin, write, and leave the commit to the thread."""
        group, self._gathered = self._gathered[:_MOST_PER_COMMIT], self._gathered[_MOST_PER_COMMIT:]
        if not group:
            self._busy = False
            return
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for write in group:
                write.run()
            self._before_commit()
        except Exception:  # noqa: BLE001 - whatever it is, the thread finds out in its own time
            self._jobs.put(lambda: self._start_over(group))
        else:
            self._jobs.put(lambda: self._commit(group))

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
        # With the next turn of the loop: those who were just woken have something to write.
        self._loop.call_soon(self._write_gathered)

    def _commit(self, group: list[_Write]) -> list[_Write]:
        try:
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail(group, error)
        return group

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

    def _fail(self, group: list[_Write], error: Exception) -> None:
        self._roll_back()
        for write in group:
            write.error = self._unavailable(error)

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._database.execute("ROLLBACK")
        self._on_rollback()
