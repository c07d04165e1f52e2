"""Whether something may stand in the journal of which this replica does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.ports.clock import Clock

_NANOSECONDS = 1_000_000_000
_IN_DOUBT_LEASES = 4
"""For so long after a failure of the journal it is asked with each heartbeat what has come to stand; then seldom."""


class Doubt:
    """When the journal is to be asked what is claimed here: often after a failure, and then once in a lease.

    Args:
        clock: the time.
        lease: seconds after which others may take over when this replica falls silent.
    """

    def __init__(self, clock: Clock, lease: float) -> None:
        self._clock = clock
        self._lease = lease
        self._until = 0
        self._has_failed = False
        self._asked_at = 0

    def begin(self) -> None:
        """The journal has failed."""
        self._has_failed = True
        self._until = self._clock.now() + int(_IN_DOUBT_LEASES * self._lease * _NANOSECONDS)

    def asked(self) -> None:
        """The journal has just said what is claimed here."""
        self._asked_at = self._clock.now()

    def is_due(self) -> bool:
        """Whether the journal is to be asked now."""
        now = self._clock.now()
        is_due = self._has_failed and now >= self._asked_at + int(self._lease * _NANOSECONDS)
        return is_due or now < self._until
