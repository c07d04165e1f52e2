"""What stands behind the ports of a run inside a workflow: time, the participants; the journal is in ``entries``.

The workflow's clock stands still while a task of it runs, so an attempt would have no length: an activity brings the
instant at which its answer came, and until the next task that is the time. Timers go by the workflow's clock alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
from orchestrator.engine.bindings.concurrency_limit import ConcurrencyLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.contract.command import Command
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.channel import Caller

_UNLIMITED = 1 << 30


class ServerClock:
    """Time as the server tells it to a workflow; see :class:`~orchestrator.ports.clock.Clock`.

    Once a timer has fired, its time has come, whatever the loop shows: where somebody asks a query, with a tool of
    Temporal, the client may show the workflow what has happened before it shows when.

    Args:
        loop: the workflow's.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._passed = 0

    def now(self) -> int:
        """Nanoseconds since the epoch, UTC; whole microseconds."""
        return max(self._passed, int(self._loop.time() * 1e6) * 1000)

    def after(self, seconds: float) -> int:
        """The instant that comes so many seconds from now."""
        return self.now() + int(seconds * 1e9)

    def has_passed(self, instant: int) -> None:
        """A timer of the server says so."""
        self._passed = max(self._passed, instant)

    def elapsed(self) -> int:
        """The same: nobody sets it."""
        return self.now()

    async def sleep(self, seconds: float) -> None:
        """Let time pass, by a timer of the server."""
        instant = self.after(seconds)
        await asyncio.sleep(seconds)
        self.has_passed(instant)

    def call_after(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call ``callback`` after so many seconds, by a timer of the server."""
        instant = self.after(seconds)

        def call() -> None:
            self.has_passed(instant)
            callback()

        return self._loop.call_later(seconds, call)


class EntryClock(ServerClock):
    """The time at which entries are written down: never earlier than that of the entry before.

    Args:
        loop: the workflow's.
        latest: when the latest entry was written.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, latest: int) -> None:
        super().__init__(loop)
        self._latest = latest
        self._noted: tuple[int, int] = (0, 0)

    def note(self, instant: int) -> None:
        """An answer came then; the server's clock shows what it showed when this task of the workflow began."""
        self._noted = super().now(), instant

    def now(self) -> int:
        """See the class."""
        shown = super().now()
        at, instant = self._noted
        self._latest = max(self._latest, instant if at == shown else shown)
        return self._latest


class Unobserved:
    """Sees nothing: an activity tells the observer."""

    def samples(self, saga_id: str, traceparent: str) -> bool:  # noqa: ARG002 - the port's
        """It is asked where a saga is started."""
        return False

    def journalled(self, state: SagaState, entries: Sequence[Entry]) -> None:
        """Nothing is seen."""

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:
        """Nothing is seen."""


class NeverOpen(CircuitBreaker):
    """Admits every call, and remembers none: workflows share it, and must not learn of one another.

    The circuit breakers that count are those of the activities.
    """

    def __init__(self, clock: Any, check: Any, _most: int, name: str = "", _rate: object = None) -> None:  # noqa: ANN401 - as its base
        super().__init__(clock, check, _UNLIMITED, name)
        self._limit = ConcurrencyLimit(_UNLIMITED)

    def leave(self, *, reached: bool) -> None:  # noqa: ARG002 - as its base
        """A call has ended."""
        self._limit.leave()


class CommandsByActivity:
    """The way to all participants: an activity for each attempt.

    Args:
        call: makes an attempt at this command, from within the workflow that is running.
    """

    def __init__(self, call: Callable[[Command], Caller]) -> None:
        self._call = call

    def caller(self, command: Command) -> Caller:
        """The way to one command."""
        return self._call(command)

    async def is_serving(self, service: str) -> bool | None:  # noqa: ARG002 - the port's
        """Nobody asks: no circuit breaker of a workflow opens."""
        return None
