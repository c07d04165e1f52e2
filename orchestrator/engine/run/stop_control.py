"""Brings a saga's code to a stop without forgetting a call in flight.

Purpose: a cancel, a rejection in a parallel branch or a shutdown stops code that may be anywhere. Invariant: the
code is cancelled only when no attempt is in flight, so every answer that can be had is journalled before anything
is compensated. A stop control is used once: whatever the stopped code has left behind stays stopped, and the rollback
has a stop control of its own.

::

    going ──pull()──▶ draining ──last attempt answered──▶ cancelled
                          │
                          └── a task that wants to send waits here until it is cancelled
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from orchestrator.errors import JournalError, OrchestratorError, SagaExists
from orchestrator.journal.reason import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from orchestrator.engine.run.journal_writer import SagaWriter


class RollBack(NamedTuple):
    """Stop in order to compensate."""

    reason: Reason


class Suspend(NamedTuple):
    """Stop in front of an operator."""

    reason: Reason


class Halt(NamedTuple):
    """Stop because this process ends; another one recovers the saga."""


class Fail(NamedTuple):
    """Stop because the journal takes no more from this claim."""

    error: OrchestratorError


class Park(NamedTuple):
    """Stop because the saga only waits, and for long: it leaves the memory."""


Stop = RollBack | Suspend | Halt | Fail | Park


def diverged(message: str) -> Suspend:
    """Stop because the code no longer matches its journal: both sides, in words."""
    return Suspend(Reason(ReasonCode.DIVERGED, message))


class StopControl:
    """Stops the tasks of one saga's forward or backward run.

    Attributes:
        stop: why the saga's code is to stop; ``None`` while it is going.
        overtaken: since then, the code has gone on by itself, or wanted to: it does not rest.
    """

    __slots__ = ("_cancelled", "_code_ended", "_idle", "_in_flight", "_resting", "_task", "overtaken", "stop")

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self.overtaken = False
        self._task: asyncio.Task[object] | None = None
        self._code_ended = False
        self._in_flight = 0
        self._idle: list[asyncio.Future[None]] = []
        self._resting: dict[asyncio.Task[object], None] = {}
        self._cancelled = False

    def attach(self, task: asyncio.Task[Any]) -> None:
        """The saga's code runs in this task."""
        self._task = task

    def detach(self) -> None:
        """That task has ended, or goes on under another stop control.

        Task and stop control refer to each other through the context of the code; parted, they cost no collection.
        """
        self._task = None

    def is_own_task(self) -> bool:
        """The running task is the saga's own, and not one that its code has made."""
        return asyncio.current_task() is self._task

    def request_stop(self, stop: Stop) -> None:
        """Bring the saga's code to a stop, unless it already is stopping. Returns at once."""
        if self.stop is None:
            self.stop = stop
            _spawn(self._stop_code())

    async def settle(self, stop: Stop) -> Stop:
        """The saga's code has ended by itself: stop what it left behind; the reason to stop that came first."""
        self.overtaken = True
        self._code_ended = True
        if self.stop is None:
            self.stop = stop
        await self._drain()
        return self.stop

    async def await_stop(self) -> NoReturn:
        """The code wants to do something, and is stopping: wait to be cancelled."""
        self.overtaken = True
        await self.await_cancellation()

    async def idle(self) -> None:
        """Wait until nothing is in flight."""
        while self._in_flight:
            # No asyncio.Event, which belongs to one loop: the code of a recovered saga has one of its own.
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(waiting)
            await waiting

    def uncancel(self) -> Stop:
        """The saga's task was cancelled by this stop control: take that back; the reason to stop."""
        task = asyncio.current_task()
        assert task is not None
        assert self.stop is not None
        task.uncancel()
        self._code_ended = True
        return self.stop

    def enter(self) -> None:
        """Something is in flight now whose end must be awaited: an attempt, or a write."""
        self._in_flight += 1

    def leave(self) -> None:
        """It has ended."""
        self._in_flight -= 1
        if self._idle and not self._in_flight:
            for waiting in self._idle:
                if not waiting.done():
                    waiting.set_result(None)
            self._idle.clear()

    async def interruptible(self, pause: Coroutine[object, object, None]) -> None:
        """Await something during which the saga may be stopped at once."""
        if self._cancelled:
            pause.close()
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        self._resting[task] = None
        try:
            await pause
        finally:
            self._resting.pop(task, None)

    async def await_cancellation(self) -> NoReturn:
        """Wait to be cancelled."""
        await self.interruptible(_for_ever())
        raise AssertionError("a parked task was woken")

    async def persist(self, writer: SagaWriter) -> None:
        """Make everything durable; a journal that refuses stops the saga instead of raising into its code."""
        self.enter()
        try:
            await writer.persist()
        except (JournalError, SagaExists) as error:
            already_stopping, self.stop = self.stop is not None, Fail(error)
            if not already_stopping:
                _spawn(self._stop_code())
        finally:
            self.leave()
        if isinstance(self.stop, Fail):
            await self.await_cancellation()

    async def _drain(self) -> None:
        """Wait until nothing is in flight, then cancel the waiting tasks besides the saga's own."""
        await self.idle()
        self._cancelled = True
        for task in list(self._resting):
            if task is not self._task:
                task.cancel()

    async def _stop_code(self) -> None:
        await self._drain()
        if self._task is not None and not self._code_ended:
            self._task.cancel()


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


_spawned: set[asyncio.Task[None]] = set()


def _spawn(work: Coroutine[object, object, None]) -> None:
    """Run it in a task that the loop does not forget."""
    task = asyncio.ensure_future(work)
    _spawned.add(task)
    task.add_done_callback(_spawned.discard)
