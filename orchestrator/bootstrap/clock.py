"""Time as the machine tells it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SystemClock:
    """Time as the machine tells it."""

    now = staticmethod(time.time_ns)  # itself, and not called from here: a saga asks a dozen times
    elapsed = staticmethod(time.monotonic_ns)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    def call_after(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call ``callback`` after so many seconds."""
        return asyncio.get_running_loop().call_later(seconds, callback)
