"""Which starts are taken: so many in hand, so many that wait, and beyond that an answer at once.

Purpose: under more starts at once than can be taken, each is either started or refused before anything is journalled,
and whatever else is asked of the process is still answered. gRPC takes up one call in two turns of the event loop, so
a loop that is busy with sagas hardly gets to refuse one: few sagas at once are as quick, and leave it short turns.
Invariant: a turn that was given is given back once.

A start holds its turn until its saga has ended, or until the thread of the loop is found to have time left: then those
in hand wait for participants, which costs nothing and must not keep new ones out. No turn is held for longer than two
seconds, however busy the thread is.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.errors import Overloaded
from saga.v1 import saga_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Callable


_LOOK_SECONDS: Final = 0.1
_HOLD_SECONDS: Final = 2.0
_BUSY: Final = 0.8
"""The share of its time in which the thread of a busy loop runs, or is ready to."""


class StartLimits(NamedTuple):
    """How much is taken at once.

    Attributes:
        in_flight: starts that are in hand.
        queued: starts that wait for their turn.
    """

    in_flight: int
    queued: int


class Admission:
    """Gives turns to starts, first come first served.

    Args:
        limits: how many.
        load: tells the share of the time since it was last asked in which the thread of the loop was busy.

    Attributes:
        limits: as given.
        refused: how many starts have been refused so far.
    """

    def __init__(self, limits: StartLimits, load: Callable[[], float]) -> None:
        self.limits = limits
        self.refused = 0
        self._load = load
        self._given: dict[object, float] = {}  # when; the oldest first
        self._waiting: dict[asyncio.Future[Callable[[], None]], None] = {}
        self._look: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        """Turns that were given and not given back."""
        return len(self._given)

    @property
    def queued(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def statistics(self) -> api.AdmissionStatistics:
        """How much is taken, as the API tells it."""
        return api.AdmissionStatistics(
            in_flight=self.in_flight,
            queued=self.queued,
            most_in_flight=self.limits.in_flight,
            most_queued=self.limits.queued,
            refused=self.refused,
        )

    async def enter(self) -> Callable[[], None]:
        """Wait for a turn; what gives it back, at the latest when the saga has ended.

        Raises:
            Overloaded: there are too many; nothing has been done.
        """
        limits = self.limits
        if self.in_flight < limits.in_flight:  # then no start waits
            return self._give()
        if self.queued >= limits.queued:
            self._refuse(f"{self.in_flight} starts are in hand and {self.queued} wait; ask again later")
        turn: asyncio.Future[Callable[[], None]] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        try:
            return await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                del self._waiting[turn]
            else:  # the turn came, and no start took it
                turn.result()()
            raise

    def _give(self) -> Callable[[], None]:
        turn = object()
        self._given[turn] = time.monotonic()
        if self._look is None:
            self._look_soon()
        return partial(self._take_back, turn)

    def _take_back(self, turn: object) -> None:
        if self._given.pop(turn, None) is not None:
            self._admit()

    def _admit(self) -> None:
        while self._waiting and self.in_flight < self.limits.in_flight:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            turn.set_result(self._give())

    def _look_soon(self) -> None:
        self._look = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look_now)

    def _look_now(self) -> None:
        """Take back the turns of sagas that take their time, where that is not the loop's fault."""
        self._look = None
        latest = time.monotonic() - (_HOLD_SECONDS if self._load() >= _BUSY else _LOOK_SECONDS)
        for turn in [turn for turn, given_at in self._given.items() if given_at <= latest]:
            del self._given[turn]
        self._admit()
        if self._given and self._look is None:
            self._look_soon()

    def _refuse(self, message: str) -> None:
        self.refused += 1
        raise Overloaded("TOO_MANY_STARTS", message)
