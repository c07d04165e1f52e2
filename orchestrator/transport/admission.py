"""Which starts are taken: so many in hand, so many that wait, and beyond that an answer at once.

Purpose: under more starts than can be written down, each is either started or refused before anything is journalled,
and whatever else is asked of the process is still answered. Invariant: a turn that was given is given back once, when
the journal has taken or refused the start, however long its caller waits for the saga's end.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class StartLimits(NamedTuple):
    """How much is taken at once.

    Attributes:
        in_flight: starts that are being written down.
        queued: starts that wait for their turn.
        live: sagas that are being advanced.
    """

    in_flight: int
    queued: int
    live: int


class Admission:
    """Gives turns to starts, first come first served.

    Args:
        limits: how many.
        live: how many sagas are being advanced now.

    Attributes:
        limits: as given.
        in_flight: turns that were given and not given back.
        refused: how many starts have been refused so far.
    """

    def __init__(self, limits: StartLimits, live: Callable[[], int]) -> None:
        self.limits = limits
        self.in_flight = 0
        self.refused = 0
        self._live = live
        self._waiting: dict[asyncio.Future[None], None] = {}

    @property
    def queued(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[Callable[[], None]]:
        """Within, a start has its turn, until it calls what it is given or leaves.

        Raises:
            Overloaded: there are too many; nothing has been done.
        """
        await self._enter()
        given = True

        def give_back() -> None:
            nonlocal given
            if given:
                given = False
                self.in_flight -= 1
                self._admit()

        try:
            yield give_back
        finally:
            give_back()

    async def _enter(self) -> None:
        limits = self.limits
        if self._live() >= limits.live:
            self._refuse(f"this replica advances {limits.live} sagas, as many as it may; ask again later")
        if self.in_flight < limits.in_flight:  # then nobody waits
            self.in_flight += 1
            return
        if self.queued >= limits.queued:
            self._refuse(f"{self.in_flight} starts are in hand and {self.queued} wait; ask again later")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if self._waiting.pop(turn, turn) is turn:  # the turn came, and nobody took it
                self.in_flight -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self.in_flight < self.limits.in_flight:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            self.in_flight += 1
            turn.set_result(None)

    def _refuse(self, message: str) -> None:
        self.refused += 1
        raise Overloaded("TOO_MANY_STARTS", message)
