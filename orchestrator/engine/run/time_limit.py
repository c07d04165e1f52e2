r"""A block of saga code that may take so long: ``async with timeout(span):``.

Purpose: what :func:`asyncio.timeout` does, in journal time and through every restart. Invariant: the block either was
left in time or its time was over first, and the journal holds which: a replay finds the same.

::

    entered ──▶ WaitBegan ──┬── its time comes, and no answer is on its way to the code ──▶ WaitEnded(DUE), cut off
                            └── the code leaves the block ──▶ WaitEnded(LEFT)

An answer that is journalled and has not reached the code yet goes first: in a replay it would, too.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, NoReturn, Protocol

from orchestrator.errors import TimeLimitPassed
from orchestrator.journal.waits import WaitEnd

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from orchestrator.journal.waits import WaitState

time_limits: ContextVar[tuple[TimeLimit, ...]] = ContextVar("time_limits", default=())
"""The blocks around the code that is running, the outermost first."""


class LimitedRun(Protocol):
    """The run of a saga, as far as a block in its code needs it."""

    @property
    def is_stopping(self) -> bool:
        """The saga's code is to stop, for whatever reason."""

    async def await_stop(self) -> NoReturn:
        """Wait to be stopped."""

    def begin_limit(self, seconds: int) -> WaitState:
        """Fix the key of a block, and begin its wait, of so many nanoseconds, unless the journal holds it."""

    async def limit_passes(self, wait: WaitState) -> bool:
        """Wait until the time of a block is over, and journal that; whether it is."""

    def end_wait(self, wait: WaitState, how: WaitEnd) -> None:
        """Journal the end of a wait."""


def cut_off_by() -> TimeLimit | None:
    """The time limit that has passed around the code that is running, if one has."""
    return next((limit for limit in time_limits.get() if limit.passed), None)


class TimeLimit:
    """One block.

    Args:
        run: of the saga.
        span: how long it may take, in nanoseconds.

    Attributes:
        key: of its wait; known once it is entered.
        passed: its time was over before the code had left it.
    """

    def __init__(self, run: LimitedRun, span: int) -> None:
        self._run = run
        self._span = span
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._watch: asyncio.Task[None] | None = None
        self._wait: WaitState | None = None
        self._around: Token[tuple[TimeLimit, ...]] | None = None
        self.passed = False

    @property
    def key(self) -> str:
        """See the class."""
        return self._wait.key if self._wait else ""

    async def __aenter__(self) -> None:
        """Begin to count."""
        if self._run.is_stopping:
            await self._run.await_stop()
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self._wait = self._run.begin_limit(self._span)
        self._watch = asyncio.ensure_future(self._pass(self._wait))
        self._around = time_limits.set((*time_limits.get(), self))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Count no more.

        Raises:
            TimeLimitPassed: the time was over first.
        """
        assert self._task is not None
        assert self._watch is not None
        assert self._wait is not None
        assert self._around is not None
        time_limits.reset(self._around)
        self._watch.cancel()
        if self.passed:
            if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeLimitPassed(self.key, "the block was not left in time") from error
        elif self._wait.how is None and not self._run.is_stopping:
            self._run.end_wait(self._wait, WaitEnd.LEFT)

    async def _pass(self, wait: WaitState) -> None:
        if await self._run.limit_passes(wait):
            self.passed = True
            assert self._task is not None
            self._task.cancel()
