"""An event loop in virtual time, which passes only when there is nothing left to do, and whose order a seed may decide.

Purpose: every schedule that asyncio allows can be met, and met again. Each turn runs what is ready: in the order in
which it became ready, or in one that a seed draws, except that the callbacks of one future keep theirs, as asyncio
promises. When nothing is ready, the time jumps to the next timer. Invariant: nothing but the seed decides. Tasks and
futures are hashed by their number and not by their address, so that a set of them is walked in the same order each
time; there is no I/O, and there are no threads.

What runs belongs to a :class:`Process`, which is found in the context of each callback::

    running ──freeze()──▶ frozen: what becomes ready is held back ──thaw()──▶ running, all of it at once
                             │
                             └── for ever, where it has crashed
"""

from __future__ import annotations

import asyncio
import heapq
import inspect
import itertools
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from random import Random

T = TypeVar("T")

_process: ContextVar[Process] = ContextVar("process")
_MOST_TURNS_AT_ONCE = 50_000
_MOST_SWEEPS = 20
_TURNS_PER_SWEEP = 4


class Process:
    """What can stand still, or die, as a whole.

    Attributes:
        name: what the timeline calls it.
        frozen: nothing of it runs.
        crashed: nothing of it will ever run again.
    """

    __slots__ = ("_context", "_held", "crashed", "frozen", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.frozen = False
        self.crashed = False
        self._held: list[asyncio.Handle] = []
        self._context = copy_context()
        self._context.run(_process.set, self)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Have the running loop run a task of this process."""
        return asyncio.get_running_loop().create_task(work, context=self._context.copy())

    def freeze(self) -> None:
        """Let nothing of it run."""
        self.frozen = True

    def crash(self) -> None:
        """Let nothing of it run, ever."""
        self.frozen = self.crashed = True

    def hold(self, handle: asyncio.Handle) -> None:
        """Something became ready while it was frozen."""
        self._held.append(handle)

    def thaw(self) -> list[asyncio.Handle]:
        """Let it run again: what was held back."""
        self.frozen = False
        held, self._held = self._held, []
        return held


class _Future(asyncio.Future[T]):
    """A future with a number."""

    def __init__(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


class _Task(asyncio.Task[T]):
    """A task with a number."""

    def __init__(
        self,
        number: int,
        work: Coroutine[Any, Any, T],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._number = number  # before asyncio puts it into a set
        super().__init__(work, loop=loop, name=f"task-{number}", context=context)

    def __hash__(self) -> int:
        return self._number


class StandsStill(Exception):
    """Time will not pass any more: no timer is set, or a task never ends its turn."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs everything of one world, from the virtual second 0.

    Args:
        random: decides the order of what is ready; ``None``: it runs in the order in which it became ready.
    """

    _ready: Any
    _scheduled: list[Any]

    def __init__(self, random: Random | None = None) -> None:
        super().__init__()
        self._random = random
        self._now = 0.0
        self._numbers = itertools.count(1)
        self._sweeping = False
        self._frozen: set[Process] = set()
        self._turns = 0  # since time has passed

    def time(self) -> float:
        """Virtual seconds since the world began."""
        return self._now

    def create_future(self) -> asyncio.Future[Any]:
        """A future with a number."""
        return _Future(next(self._numbers), self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[T]:
        """A task with a number."""
        del name  # it would not tell anything
        return _Task(next(self._numbers), coro, self, context)

    def thaw(self, process: Process) -> None:
        """Let a process run again."""
        self._ready.extend(process.thaw())

    def sweep(self) -> None:
        """Cancel every task that is left, frozen or not, and let it end."""
        self._sweeping = True
        self._begin_tasks()
        for _ in range(_MOST_SWEEPS):
            left = sorted(asyncio.all_tasks(self), key=hash)
            if not left:
                break
            for task in left:
                task.cancel()
            for process in sorted(self._frozen, key=lambda process: process.name):
                self._ready.extend(process.thaw())
            self._frozen.clear()
            for _ in range(_TURNS_PER_SWEEP):
                self._run_one_turn()

    def _begin_tasks(self) -> None:
        """Let the tasks begin that a crash has kept from it: Python warns of a coroutine that was never awaited."""
        for process in sorted(self._frozen, key=lambda process: process.name):
            for handle in process.thaw():
                if _begins_a_task(handle):
                    self._ready.append(handle)
                else:
                    process.hold(handle)
        self._run_one_turn()

    def _run_one_turn(self) -> None:
        self._turns = 0
        self.stop()
        self.run_forever()

    def _run_once(self) -> None:
        """One turn. Overrides asyncio's own, which asks the operating system for events."""
        ready, scheduled = self._ready, self._scheduled
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            self._pass_time()
        self._turns += 1
        if self._turns > _MOST_TURNS_AT_ONCE:
            raise StandsStill("a task is busy for ever")
        while scheduled and scheduled[0]._when <= self._now:  # noqa: SLF001 - asyncio's own
            ready.append(heapq.heappop(scheduled))
        batch = list(ready)
        ready.clear()
        if self._random is not None and len(batch) > 1:
            batch = self._shuffled(batch, self._random)
        for handle in batch:
            if handle._cancelled:  # noqa: SLF001 - as above
                continue
            process = handle._context.get(_process)  # noqa: SLF001 - as above
            if process is not None and process.frozen and not self._sweeping:
                self._frozen.add(process)
                process.hold(handle)
            else:
                handle._run()  # noqa: SLF001 - as above

    def _pass_time(self) -> None:
        scheduled = self._scheduled
        while scheduled and scheduled[0]._cancelled:  # noqa: SLF001 - as above
            heapq.heappop(scheduled)
        if not scheduled:
            raise StandsStill("nothing will ever happen")
        self._turns = 0
        self._now = max(self._now, scheduled[0]._when)  # noqa: SLF001 - as above

    @staticmethod
    def _shuffled(batch: list[Any], random: Random) -> list[Any]:
        """The batch in another order, in which the callbacks of each future follow one another as before."""
        order = list(range(len(batch)))
        random.shuffle(order)
        places: dict[int, list[int]] = {}
        for place, index in enumerate(order):
            arguments = batch[index]._args  # noqa: SLF001 - as above
            if arguments and isinstance(arguments[0], asyncio.Future):
                places.setdefault(id(arguments[0]), []).append(place)
        for shared in places.values():
            if len(shared) > 1:
                for place, index in zip(shared, sorted(order[place] for place in shared), strict=True):
                    order[place] = index
        return [batch[index] for index in order]

    def _write_to_self(self) -> None:
        """Called for what comes from outside the loop, such as Ctrl-C; nothing has to be woken up."""


def _begins_a_task(handle: asyncio.Handle) -> bool:
    task = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    if not isinstance(task, asyncio.Task):
        return False
    work = task.get_coro()
    return inspect.iscoroutine(work) and inspect.getcoroutinestate(work) == inspect.CORO_CREATED


def call_outside(seconds: float, callback: Callable[..., object], *arguments: Any) -> None:  # noqa: ANN401 - as asyncio has it
    """Have the running loop call something that belongs to no process: it is called although a process has crashed."""
    loop = asyncio.get_running_loop()
    if seconds:
        loop.call_later(seconds, callback, *arguments, context=_OUTSIDE)
    else:
        loop.call_soon(callback, *arguments, context=_OUTSIDE)


def spawn_outside(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Have the running loop run a task that belongs to no process."""
    return asyncio.get_running_loop().create_task(work, context=_OUTSIDE.copy())


_OUTSIDE = Context()
