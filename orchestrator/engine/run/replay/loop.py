"""An event loop for the code of one recovered saga, within the process's own: it knows when that code has come to rest.

Purpose: a replay must know when the code has asked for all that it asks for by itself. The callbacks of a saga's tasks,
futures, gathers and task groups stand among all others in the process's loop, and nothing there tells whether any of
them is still to run; so a recovered saga has a queue of its own. Invariant: the code is at rest if and only if that
queue is empty, however many turns it took to get there.

::

    the process's loop ──call_soon──▶ a slice of the saga's queue ──empty──▶ at_rest()
            ▲                                    │
            └────────── not empty ───────────────┘

What waits for the outside (an answer, the disk) is a task of the process's loop, awaited by :meth:`ReplayLoop.outside`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

T = TypeVar("T")

# Others get their turn after so many callbacks: a replay answers from memory and could go on for long.
_SLICE: Final = 200


class ReplayLoop:
    """The queue of one saga's code: as much of an event loop as tasks, futures, gathers and task groups ask for.

    It is neither run nor stopped from outside: it runs in slices whenever something is in it.

    Args:
        process: the process's loop, which is running.
        at_rest: called, from the process's loop, each time that the queue has become empty.

    Attributes:
        process: as given.
    """

    def __init__(self, process: asyncio.AbstractEventLoop, at_rest: Callable[[], None]) -> None:
        self.process = process
        self._at_rest = at_rest
        self._ready: deque[asyncio.Handle] = deque()
        self._scheduled = False

    def leave_alone(self) -> None:
        """Report no rest any more: then the replay gate and the loop no longer refer to each other."""
        self._at_rest = _nobody

    async def outside(self, work: Coroutine[Any, Any, T]) -> T:
        """Await something that waits for the outside; a caller that stops waiting for it cancels it."""
        answer: asyncio.Future[T] = self.create_future()
        task = self.process.create_task(work)

        def hand_over(done: asyncio.Task[T]) -> None:
            if answer.done():
                return
            if done.cancelled():
                answer.cancel()
            elif error := done.exception():
                answer.set_exception(error)
            else:
                answer.set_result(done.result())

        task.add_done_callback(hand_over)
        try:
            return await answer
        finally:
            task.cancel()

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:  # noqa: ANN401 - as asyncio's
        """Put a callback into the queue."""
        handle = asyncio.Handle(callback, args, _as_loop(self), context)
        self._ready.append(handle)
        if not self._scheduled:
            self._scheduled = True
            self.process.call_soon(self._run_slice)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - as asyncio's
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Put a callback into the queue after a time: what a saga's code should not ask for."""
        return self.process.call_later(delay, lambda: self.call_soon(callback, *args, context=context))

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - as asyncio's
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As :meth:`call_later`, by the process's clock."""
        return self.call_later(when - self.time(), callback, *args, context=context)

    def time(self) -> float:
        """The time of the process's loop."""
        return self.process.time()

    def create_future(self) -> asyncio.Future[Any]:
        """A future whose callbacks run here."""
        return asyncio.Future(loop=_as_loop(self))

    def create_task(self, coro: Coroutine[Any, Any, T], **options: Any) -> asyncio.Task[T]:  # noqa: ANN401 - as asyncio's
        """A task whose steps run here."""
        return asyncio.Task(coro, loop=_as_loop(self), **options)

    def get_debug(self) -> bool:
        """As the process's loop."""
        return self.process.get_debug()

    def is_running(self) -> bool:
        """Whenever it is asked."""
        return True

    def is_closed(self) -> bool:
        """Only together with the process's loop."""
        return self.process.is_closed()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """As the process's loop does."""
        self.process.call_exception_handler(context)

    def _run_slice(self) -> None:
        """Run what is in the queue, as a callback of the process's loop, in which no task is running now."""
        asyncio._set_running_loop(_as_loop(self))  # noqa: SLF001 - as whatever runs a loop
        try:
            for _ in range(_SLICE):
                if not self._ready:
                    break
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()  # noqa: SLF001 - as above
        finally:
            asyncio._set_running_loop(self.process)  # noqa: SLF001 - as above
        if self._ready:
            self.process.call_soon(self._run_slice)
            return
        self._scheduled = False
        self._at_rest()


def _nobody() -> None:
    """Report a rest to nothing."""


def _as_loop(loop: ReplayLoop) -> asyncio.AbstractEventLoop:
    """What asyncio's own classes take it for."""
    return cast("asyncio.AbstractEventLoop", loop)
