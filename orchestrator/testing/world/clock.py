"""The engine's clock in tests: on the time of a virtual loop, or moved by the test itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH: Final = 1_700_000_000_000_000_000
"""When every world begins, nanoseconds since the epoch, UTC."""


class VirtualClock:
    """The running loop's time; see :class:`~orchestrator.ports.clock.Clock`.

    On a :class:`~orchestrator.testing.world.virtual_loop.VirtualLoop` a sleep takes as long as it says, in virtual
    seconds, and everything else that is due in between happens before it ends.

    Args:
        skew: seconds by which this clock differs from the loop's when the world begins.
        drift: the share by which it runs faster; slower where negative.
    """

    def __init__(self, skew: float = 0.0, drift: float = 0.0) -> None:
        self._skew = skew
        self._pace = 1.0 + drift

    def now(self) -> int:
        """Nanoseconds since the epoch, as this clock shows them."""
        return EPOCH + int((asyncio.get_running_loop().time() * self._pace + self._skew) * 1e9)

    def elapsed(self) -> int:
        """Nanoseconds since the world began, as this clock counts them."""
        return int(asyncio.get_running_loop().time() * self._pace * 1e9)

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds of this clock pass."""
        await asyncio.sleep(seconds / self._pace)

    def call_after(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call ``callback`` after so many seconds of this clock."""
        return asyncio.get_running_loop().call_later(seconds / self._pace, callback)


class JumpingClock:
    """A clock for an ordinary loop, on which no wait takes long; see :class:`~orchestrator.ports.clock.Clock`.

    A short sleep, such as a pause between attempts, moves the time on and ends at the loop's next turn. A long one (a
    heartbeat, a wait) is held until the test calls :meth:`advance`. So a test steps through the engine turn by turn,
    and says itself when time passes.

    Attributes:
        time: nanoseconds since the epoch; every reading adds a microsecond, so that no two are equal.
        slept: the short sleeps so far, in seconds.
        hold_from: how many seconds make a long sleep; by default more than any pause between attempts.
    """

    def __init__(self) -> None:
        self.time = EPOCH
        self.slept: list[float] = []
        self.hold_from = 10.0
        self._held: list[tuple[int, asyncio.Future[None]]] = []

    def now(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        self.time += 1000
        return self.time

    def elapsed(self) -> int:
        """Nanoseconds since the world began."""
        return self.time - EPOCH

    async def sleep(self, seconds: float) -> None:
        """Move the time on, or wait for :meth:`advance`."""
        due = self.time + int(seconds * 1e9)
        if seconds >= self.hold_from:
            self._held.append((due, asyncio.get_running_loop().create_future()))
            await self._held[-1][1]
            return
        self.slept.append(seconds)
        self.time = max(self.time, due)
        await asyncio.sleep(0)

    def call_after(self, seconds: float, callback: Callable[[], None]) -> asyncio.Task[None]:
        """Call ``callback`` after such a sleep."""

        async def wait() -> None:
            await self.sleep(seconds)
            callback()

        return asyncio.ensure_future(wait())

    def is_held(self) -> bool:
        """Whether a long sleep waits for :meth:`advance`."""
        return any(not ended.done() for _, ended in self._held)

    def advance(self, seconds: float) -> None:
        """Let time pass, and the long sleeps end that are due then."""
        self.time += int(seconds * 1e9)
        for due, ended in self._held:
            if due <= self.time and not ended.done():
                ended.set_result(None)
