"""A pause between two looks, which ends early where somebody knows that there is something to see."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.ports.clock import Clock


class Pause:
    """The pauses of one who looks again and again.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._over = asyncio.Event()

    def end(self) -> None:
        """Let the pause end; where there is none now, the next one does not begin."""
        self._over.set()

    async def last(self, seconds: float) -> None:
        """Let so many seconds pass, or fewer."""
        call = self._clock.call_after(seconds, self.end)
        try:
            await self._over.wait()
        finally:
            call.cancel()
        self._over.clear()
