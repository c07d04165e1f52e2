"""An event loop in which a seed decides, and time passes only when there is nothing left to do.

Purpose: every schedule that asyncio allows can be met, and met again. Each turn runs what is ready in an order drawn
by the seed, except that the callbacks of one future keep theirs, as asyncio promises; when nothing is ready, the time
jumps to the next timer. Invariant: nothing but the seed decides. Tasks and futures are hashed by their number and not
by their address, so that a set of them is walked in the same order each time; there is no I/O, and there are no
threads.

What runs belongs to a :class:`Process`, which is found in the context of each callback::

    running ──freeze()──▶ frozen: what becomes ready is held back ──thaw()──▶ running, all of it at once
                             │
                             └── for ever, where it has crashed
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
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

    def spawn(self, loop: VirtualLoop, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run it in a task of this process."""
        return loop.create_task(work, context=self._context.copy())

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
    """Time will not pass any more: nobody waits for it, or somebody is busy for ever."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs everything of one simulated world.

    Args:
        random: decides the order of what is ready.
    """

    _ready: Any
    _scheduled: list[Any]

    def __init__(self, random: Random) -> None:
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

    def call_outside(self, seconds: float, callback: Any, *arguments: Any) -> None:  # noqa: ANN401 - as asyncio has it
        """Call something after a while that belongs to no process: it goes on, whoever crashes."""
        self.call_later(seconds, callback, *arguments, context=_OUTSIDE)

    def sweep(self) -> None:
        """Cancel whatever is left, frozen or not, and let it end."""
        self._sweeping = True
        for _ in range(_MOST_SWEEPS):
            self._turns = 0
            left = sorted(asyncio.all_tasks(self), key=hash)
            if not left:
                break
            for task in left:
                task.cancel()
            for process in self._frozen:
                self._ready.extend(process.thaw())
            self._frozen.clear()
            for _ in range(_TURNS_PER_SWEEP):
                self.stop()
                self.run_forever()

    def _run_once(self) -> None:
        """One turn. Overrides asyncio's own, which asks the operating system for events."""
        ready, scheduled = self._ready, self._scheduled
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            self._pass_time()
        self._turns += 1
        if self._turns > _MOST_TURNS_AT_ONCE:
            raise StandsStill("somebody is busy for ever")
        while scheduled and scheduled[0]._when <= self._now:  # noqa: SLF001 - asyncio's own
            ready.append(heapq.heappop(scheduled))
        batch = list(ready)
        ready.clear()
        for handle in self._shuffled(batch) if len(batch) > 1 else batch:
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

    def _shuffled(self, batch: list[Any]) -> list[Any]:
        """The batch in another order, in which the callbacks of each future follow one another as before."""
        order = list(range(len(batch)))
        self._random.shuffle(order)
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


_OUTSIDE = Context()
