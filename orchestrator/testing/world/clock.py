"""Time in which nobody waits: when nothing can run, it jumps to whatever is due next.

All of asyncio lives in it: what the engine, the participants and the saga's own code sleep, time out or wait for
takes no real time, and comes in the same order each time.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_BEGINNING: Final = 1_700_000_000_000_000_000


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, which begins at 0."""

    def __init__(self) -> None:
        self._seconds = 0.0
        super().__init__(_JumpingSelector(self._pass_time))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._seconds

    def _pass_time(self, seconds: float) -> None:
        self._seconds += seconds


class _JumpingSelector(selectors.SelectSelector):
    """Lets time pass where another one would wait."""

    def __init__(self, pass_time: Callable[[float], None]) -> None:
        super().__init__()
        self._pass_time = pass_time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, Any]]:
        """What is ready now; where nothing is, the time has passed.

        Raises:
            RuntimeError: nothing is ready, and nothing ever will be.
        """
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everybody waits for something that never comes")
            self._pass_time(timeout)
        return ready


class VirtualClock:
    """The running loop's time, as the engine's port has it."""

    def now(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        return _BEGINNING + round(asyncio.get_running_loop().time() * 1e9)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    def call_after(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call ``callback`` after so many seconds."""
        return asyncio.get_running_loop().call_later(seconds, callback)
