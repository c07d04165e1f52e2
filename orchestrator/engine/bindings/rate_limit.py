"""How often one participant is called, by all replicas together; calls wait for their instant, first come first served.

Purpose: a participant that sells so many calls a second gets no more, however many replicas there are. Invariant: each
call has an instant of its own, which the store gave to this replica.

::

    a call ──▶ the next instant in hand has come ──yes──▶ goes ──(half of the portion is spent)──▶ the next is taken
                  │no                                      ▲
                  └──▶ waits for its instant, or for the next portion

Between replicas the store decides, see :mod:`orchestrator.ports.quotas`. A portion is what the rate allows in a tenth
of a second, one call at least; so in any second there are at most the rate's calls, and two portions for each replica.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalError

if TYPE_CHECKING:
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.quotas import Quotas, Rate

_log = logging.getLogger(__name__)

_PORTION_NANOSECONDS: Final = 100_000_000
_RETRY_SECONDS: Final = 1.0
"""How long to wait before the store is asked again that could not be reached."""


class _Portion:
    """Instants in hand, by the clock of this replica, in nanoseconds."""

    __slots__ = ("given_at", "left", "next_at")

    def __init__(self, given_at: int, next_at: int, left: int) -> None:
        self.given_at = given_at
        self.next_at = next_at
        self.left = left


class RateLimit:
    """Gives calls their instants.

    Args:
        name: of the participant: the full name of its service.
        rate: how many calls there may be.
        quotas: what all replicas share.
        clock: the time.

    Attributes:
        rate: as given.
    """

    __slots__ = (
        "_clock",
        "_interval",
        "_name",
        "_portions",
        "_quotas",
        "_serving",
        "_size",
        "_taking",
        "_waiting",
        "rate",
    )

    def __init__(self, name: str, rate: Rate, quotas: Quotas, clock: Clock) -> None:
        self.rate = rate
        self._name = name
        self._quotas = quotas
        self._clock = clock
        self._interval = rate.interval
        self._size = max(1, _PORTION_NANOSECONDS // self._interval)
        self._portions: deque[_Portion] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._taking: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many calls wait for their instant."""
        return len(self._waiting)

    @property
    def next_at(self) -> int:
        """When the next call may be made, nanoseconds since the epoch, UTC; 0 where that is not known yet."""
        return self._portions[0].next_at if self._portions else 0

    def try_take(self) -> bool:
        """Take an instant that has come, if there is one and no other call waits for it."""
        return not self._waiting and self._take_due() == 0

    async def take(self) -> None:
        """Wait for an instant, and take it."""
        if self.try_take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if self._serving is None:
            self._serving = asyncio.ensure_future(self._serve())
        try:
            await turn
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)

    def shut(self) -> None:
        """Take no more; the process ends."""
        for task in (self._serving, self._taking):
            if task is not None:
                task.cancel()

    async def _serve(self) -> None:
        """Give the instants to those who wait, until nobody does."""
        while self._waiting:
            pause = self._take_due()
            if pause == 0:
                turn = self._waiting.popleft()
                if not turn.done():
                    turn.set_result(None)
            elif self._portions:
                await self._clock.sleep(pause / 1e9)
            else:
                await self._begin_taking()
        self._serving = None

    def _take_due(self) -> int:
        """Take the next instant if it has come; else nanoseconds until then, -1 where none is in hand."""
        now = self._clock.now()
        oldest = now - self._size * self._interval
        while self._portions:
            portion = self._portions[0]
            if portion.left and portion.next_at < oldest:
                # An idle replica keeps no more than a portion for later.
                lapsed = min(portion.left, -(-(oldest - portion.next_at) // self._interval))
                portion.left -= lapsed
                portion.next_at += lapsed * self._interval
            if not portion.left or now < portion.given_at:  # spent, or the clock was set back
                self._portions.popleft()
            elif portion.next_at > now:
                return portion.next_at - now
            else:
                portion.left -= 1
                portion.next_at += self._interval
                self._take_ahead()
                return 0
        return -1

    def _take_ahead(self) -> None:
        """Have the next portion before this one is spent. A single call is not taken ahead: it may not be needed."""
        in_hand = sum(portion.left for portion in self._portions)
        if self._size > 1 and in_hand <= self._size // 2:
            self._begin_taking()

    def _begin_taking(self) -> asyncio.Task[None]:
        if self._taking is None:
            self._taking = asyncio.ensure_future(self._take_portion())
        return self._taking

    async def _take_portion(self) -> None:
        try:
            first_in = await self._quotas.take_portion(self._name, self._interval, self._size)
        except JournalError as error:
            _log.warning("calls to %s wait for the journal, which gives the rate: %s", self._name, error)
            await self._clock.sleep(_RETRY_SECONDS)
        else:
            now = self._clock.now()
            self._portions.append(_Portion(now, now + first_in, self._size))
        self._taking = None
