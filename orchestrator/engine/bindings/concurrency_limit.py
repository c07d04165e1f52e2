"""How many calls may be in flight to one participant; the others wait for their turn, first come first served.

Purpose: a participant that is slow is not overloaded. Invariant: a saga that waits here has no call in flight for that
turn, so it can be stopped while it waits.
"""

from __future__ import annotations

import asyncio
from collections import deque


class ConcurrencyLimit:
    """Admits calls, up to so many at once.

    Args:
        most: how many.

    Attributes:
        in_flight: calls that were admitted and have not left.
    """

    __slots__ = ("_room", "_waiting", "in_flight")

    def __init__(self, most: int) -> None:
        self._room = most
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0

    @property
    def waiting(self) -> int:
        """How many calls wait to be admitted."""
        return len(self._waiting)

    def try_enter(self) -> bool:
        """Admit a call now, if that may be. Each call that was admitted calls :meth:`leave` once."""
        if self.in_flight >= self._room or self._waiting:
            return False
        self.in_flight += 1
        return True

    async def enter(self) -> None:
        """Wait to be admitted."""
        if self.try_enter():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.in_flight -= 1  # the turn came, and no call took it
            self._admit()
            raise

    def leave(self) -> None:
        """A call has ended."""
        self.in_flight -= 1
        if self._waiting:
            self._admit()

    def make_room(self, most: int) -> None:
        """From now on so many calls may be in flight; those that are may be more."""
        self._room = most
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.in_flight < self._room:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
