"""How often a participant may be called, by all replicas together.

Purpose: a rate that holds however many replicas there are. Invariant: no two calls are given the same instant. The
store gives instants, as far apart as the rate says and by its own clock; a replica takes a small portion of them ahead,
so a command costs no round trip, and a replica that dies loses no more than its portion.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Rate(NamedTuple):
    """So many calls in so many seconds, each at its instant: the first of a portion may not wait for the last.

    Attributes:
        calls: how many.
        seconds: in which time.
    """

    calls: int
    seconds: int

    @property
    def interval(self) -> int:
        """Nanoseconds from one call to the next."""
        return self.seconds * 1_000_000_000 // self.calls

    def __str__(self) -> str:
        """As settings say it."""
        return f"{self.calls}/{'s' if self.seconds == 1 else 'min'}"


class Quotas(Protocol):
    """What the replicas share of each rate. Every method may raise JournalUnavailable."""

    async def take_portion(self, name: str, interval: int, number: int) -> int:
        """Take the next instants of a rate; they are nobody else's from now on, used or not.

        What nobody took while it was there is lost, but for the latest ``number``: so an idle participant gets no
        flood.

        Args:
            name: what is called: the full name of a service.
            interval: nanoseconds between two instants.
            number: how many to take.

        Returns:
            Nanoseconds, by the clock of the store, until the first of them; negative where it has come. Each other one
            comes an interval after the one before.
        """
