"""A participant whose health says nothing, though the connection to it stands: it may serve all the same.

What stands in front of a participant that is down, a proxy or a mesh, also takes the connection and has no health to
tell. So the silence is believed at first, and doubted at growing distances: the sagas of a participant that is down
lose few attempts, and no participant stays down for good because of its health check alone.
"""

from __future__ import annotations

from typing import Final

FIRST_DOUBT_SECONDS: Final = 5.0
LONGEST_DOUBT_SECONDS: Final = 300.0


class SilentHealth:
    """For how long the health of each service at one address has been silent."""

    __slots__ = ("_doubted",)

    def __init__(self) -> None:
        self._doubted: dict[str, tuple[float, float]] = {}

    def is_doubted(self, service: str, now: float) -> bool:
        """The health of a service was asked for and said nothing; whether it is time to try the service itself.

        Args:
            service: its full name.
            now: seconds, of a clock that only goes forward.
        """
        at, pause = self._doubted.setdefault(service, (now + FIRST_DOUBT_SECONDS, FIRST_DOUBT_SECONDS))
        if now < at:
            return False
        pause = min(pause * 2, LONGEST_DOUBT_SECONDS)
        self._doubted[service] = (now + pause, pause)
        return True

    def end(self, service: str) -> None:
        """It was answered, or nobody is there to answer."""
        self._doubted.pop(service, None)
