"""The time by the journal's clock, as far as a replica knows it.

Purpose: the times of timers are those of one clock, whichever replica set them. Invariant: a replica never takes it to
be later than the journal's clock shows, so no timer fires before its time: not where the replica's own clock is set
wrong, nor where that is set while it runs, nor where the machine was suspended.

::

    heartbeat ──▶ the journal's clock showed so much, before its answer came ──▶ since then, so much has elapsed here

The answer may be late, and then the journal's clock shows more than is known here. So there are two bounds. A time has
come once the earliest says so; a span that begins now ends so much after the latest. With one of them alone, a sleep
would be too short by as much as the heartbeat before it was later than the one after it.

Until the first heartbeat, and in the run of a test that makes none, both are the time by the replica's own clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orchestrator.ports.clock import Clock

_SHORTEST_SECONDS: Final = 0.001
_SLOWEST: Final = 1_000
"""What counts the time here may run faster than the journal's clock by one part in so many."""


class JournalTime:
    """What the journal's clock shows, at the earliest and at the latest.

    Args:
        clock: the replica's own.
    """

    __slots__ = ("_asked_at", "_clock", "_noted_at", "_shown")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shown: int | None = None
        self._asked_at = self._noted_at = 0

    def note(self, shown: int, asked_at: int) -> None:
        """The journal has just answered that its clock shows so much.

        Args:
            shown: nanoseconds since the epoch, UTC.
            asked_at: what had elapsed by the replica's own clock when the journal was asked, in nanoseconds.
        """
        self._shown, self._asked_at, self._noted_at = shown, asked_at, self._clock.elapsed()

    def now(self) -> int:
        """At the earliest; nanoseconds since the epoch, UTC."""
        if self._shown is None:
            return self._clock.now()
        elapsed = self._clock.elapsed() - self._noted_at
        return self._shown + elapsed - elapsed // _SLOWEST

    def after(self, span: int) -> int:
        """The end of a span that begins now, in nanoseconds: not before all of it has passed, whatever shows it."""
        if self._shown is None:
            return self._clock.now() + span
        elapsed = self._clock.elapsed() - self._asked_at
        return self._shown + elapsed + elapsed // _SLOWEST + span

    async def sleep_until(self, instant: int) -> None:
        """Let the time pass until an instant."""
        while (left := instant - self.now()) > 0:
            await self._clock.sleep(max(_SHORTEST_SECONDS, left / 1e9))
