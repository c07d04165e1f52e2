r"""Carries out the waits of a saga's code: begins them, and brings each to its end.

Purpose: timers and signals are journalled as commands are. Invariant: a wait has one end, and it is recorded in the
same step in which the code is given it; so nothing can come between the two, and a replay gives the same.

::

    (asked) ──▶ WaitBegan, durable ──▶ a signal is there? ──yes──▶ WaitEnded(SIGNAL) ──▶ the code goes on
                        ▲                      │no
                        │                      ├── its time has come ──▶ WaitEnded(DUE) ──▶ the code goes on
                        │                      ▼
                        └─────── woken ◀── it rests, and may be parked

A wait that is over when it begins, such as a sleep of zero, is not waited for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.engine.run.first_done import first_done
from orchestrator.journal.entries import WaitBegan, WaitEnded
from orchestrator.journal.waiting import match_of
from orchestrator.journal.waits import WaitEnd

if TYPE_CHECKING:
    from orchestrator.engine.run.context import RunContext
    from orchestrator.journal.waits import WaitState


class WaitExecution:
    """The waits of one saga's forward run.

    Args:
        context: of the run.

    Attributes:
        resting: how many of them rest at this moment.
    """

    __slots__ = ("_context", "_woken", "resting")

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._woken: dict[str, asyncio.Future[None]] = {}
        self.resting = 0

    def begin(self, key: str, signal: str, message_type: str, due_at: int) -> WaitState:
        """Journal that the code waits."""
        writer = self._context.writer
        writer.record(WaitBegan(self._context.clock.now(), key, signal, message_type, due_at))
        return writer.state.waits[key]

    def settle(self, wait: WaitState) -> bool:
        """Journal the end of a wait if it has one by now; whether it has."""
        if wait.how is None and wait.signal and (signal := match_of(self._context.writer.state, wait)) is not None:
            self.end(wait, WaitEnd.SIGNAL, signal.request_id)
        if wait.how is None and 0 < wait.due_at <= self._context.time.now():
            self.end(wait, WaitEnd.DUE)
        return wait.how is not None

    def end(self, wait: WaitState, how: WaitEnd, request_id: str = "") -> None:
        """Journal the end of a wait."""
        self._context.writer.record(WaitEnded(self._context.clock.now(), wait.key, how, request_id))

    async def rest(self, wait: WaitState) -> None:
        """Make a wait durable, and rest until its time has come or it is woken, on the process's loop."""
        await self._context.stop_control.persist(self._context.writer)
        if wait.signal and match_of(self._context.writer.state, wait) is not None:
            return  # it came while the wait was being written down
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._woken[wait.key] = woken
        timer = asyncio.ensure_future(self._context.time.sleep_until(wait.due_at)) if wait.due_at else None
        self.resting += 1
        try:
            await self._context.stop_control.interruptible(first_done(*filter(None, (woken, timer))))
        finally:
            self.resting -= 1
            del self._woken[wait.key]
            if timer is not None:
                timer.cancel()

    def wake(self) -> None:
        """Let every wait look again whether it has an end: a signal has come."""
        for woken in self._woken.values():
            if not woken.done():
                woken.set_result(None)
