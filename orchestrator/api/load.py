"""How busy the thread of the event loop is: the share of the time in which it ran or was ready to.

Sagas that wait for their participants take no time of it, and sagas that compute take all of it; nothing else tells the
two apart from inside, because a loop that is late and a participant that is slow look alike.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

# Nanoseconds on a processor, nanoseconds waiting for one, and how often; Linux keeps them for each thread.
_SCHEDULED: Final = Path("/proc/thread-self/schedstat")


class ThreadLoad:
    """The load of the thread that asks, since it last asked.

    Without the system's word for how long the thread was kept waiting for a processor, only what it ran counts.
    """

    def __init__(self) -> None:
        self._tells = _SCHEDULED.exists()
        self._busy = self._read_busy()
        self._at = time.monotonic_ns()

    def __call__(self) -> float:
        """A share between 0 and 1."""
        busy, at = self._read_busy(), time.monotonic_ns()
        share = (busy - self._busy) / max(1, at - self._at)
        self._busy, self._at = busy, at
        return min(1.0, max(0.0, share))

    def _read_busy(self) -> int:
        if not self._tells:
            return time.thread_time_ns()
        ran, waited, _ = _SCHEDULED.read_text("ascii").split()
        return int(ran) + int(waited)
