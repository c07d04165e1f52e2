r"""Wakes the parked sagas whose time has come, at a pace that leaves room for new ones.

Purpose: a timer fires at most a second after its time, and never before it, by the clock of the store; and where a
hundred thousand are due at once, they come in the order of their time, and a new saga need not wait for their end.
Invariant: what is claimed here is recovered here, by the same door as after a crash; of the rest, nothing is in memory.

::

    parked ──due──▶ claimed, while there is room ──recover──▶ in hand ──stopped, or a while has passed──▶ there is room
                              │ no room, or more of them                                                      │
                              └──────────────────────◀─────────── looked for again ────────────◀──────────────┘

One query tells what is due and how long it is until the next. Besides, a replica looks when it parks a saga itself;
and where others may park some, and die, at least once a second. A turn is like that of a start, which the API gives: it
ends with the saga, or once the thread of the loop has time left, for then the saga waits for a participant, and must
not keep the timers of others waiting.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from orchestrator.engine.replica.pause import Pause
from orchestrator.errors import JournalError

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Callable, Sized

    from orchestrator.ports.claims import Claim, Served
    from orchestrator.ports.clock import Clock, DelayedCall
    from orchestrator.ports.journal import Journal

_log = logging.getLogger(__name__)

MOST_IN_HAND: Final = 64
"""Half as many as the starts that the API has in hand: so of a busy loop's time, two thirds are left to these."""

_SHORTEST_SECONDS: Final = 0.05
"""Those that are due within this are woken at once, by one query."""

_TURN_SECONDS: Final = 0.1
_LONGEST_TURN_SECONDS: Final = 2.0
_BUSY: Final = 0.8
_DEFAULT_MOST_LIVE: Final = 50_000


class Timers:
    """Wakes sagas for one replica.

    Args:
        journal: where the sagas are.
        clock: the time.
        owner: the replica's name.
        served: the definitions that it serves; ``None`` for every one.
        live: the sagas that it advances.
        lease: seconds; so often, the sagas are claimed again that this replica has claimed in vain.
        longest_pause: seconds between two looks, where none is known to be due before.
        recover: advances a claimed saga; the future is done when it is advanced here no more. ``None`` where nothing
            came of it.

    Attributes:
        most_live: how many sagas the replica may advance at once; beyond, none is woken.
        waits_for_room: it advances so many.
        load: tells the share of the time since it was last asked in which the thread of the loop was busy.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        *,
        owner: str,
        served: Served | None,
        live: Sized,
        lease: float,
        longest_pause: float,
        recover: Callable[[Claim], Awaitable[Future[Any] | None]],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._owner = owner
        self._served = served
        self._live = live
        self._longest_pause = longest_pause
        self._recover = recover
        self._lease = lease
        self._anew_at = 0
        self._in_hand: dict[object, DelayedCall] = {}
        self._pause = Pause(clock)
        self._has_more = False
        self._is_busy = False
        self.waits_for_room = False
        self.most_live = _DEFAULT_MOST_LIVE
        self.load: Callable[[], float] = lambda: 0.0

    def hurry(self) -> None:
        """A saga was parked, or something may be due, or there is room again: look now."""
        self._pause.end()

    def note_room(self) -> None:
        """A saga is advanced here no more: where that was waited for, look now, before a queued saga takes its room."""
        if self.waits_for_room:
            self.hurry()

    async def run(self) -> None:
        """Wake what is due, again and again."""
        while True:
            await self._pause.last(await self._look())

    async def _look(self) -> float:
        """Wake what is due and has room; in how many seconds to look again."""
        self._is_busy = self.load() >= _BUSY
        room = min(MOST_IN_HAND - len(self._in_hand), self._room_in_memory())
        self._has_more = room <= 0
        if self._has_more:
            return self._longest_pause  # earlier where room is made: see _end_turn
        try:
            due = await self._journal.claim_due(self._owner, room, self._served, anew=self._is_time_for_all())
        except JournalError as error:
            _log.debug("due sagas cannot be looked for: %s", error)
            self._anew_at = 0  # some may be claimed, and the answer lost
            return self._longest_pause
        await asyncio.gather(*map(self._wake, due.claims))
        self._has_more = len(due.claims) == room
        if self._has_more:
            return _SHORTEST_SECONDS
        if due.next_in is None:
            return self._longest_pause
        return min(max(due.next_in / 1e9, _SHORTEST_SECONDS), self._longest_pause)

    def _is_time_for_all(self) -> bool:
        """Once in a lease: an act may have claimed a saga and failed, or the answer to a claim was lost."""
        now = self._clock.now()
        is_time = now >= self._anew_at
        if is_time:
            self._anew_at = now + int(self._lease * 1e9)
        return is_time

    def _room_in_memory(self) -> int:
        room = self.most_live - len(self._live)
        if room <= 0 and not self.waits_for_room:
            _log.warning("this replica advances %d sagas, as many as it may: timers wait", len(self._live))
        self.waits_for_room = room <= 0
        return room

    async def _wake(self, claim: Claim) -> None:
        stopped = await self._recover(claim)
        if stopped is None:
            return
        turn = object()
        self._in_hand[turn] = self._clock.call_after(_TURN_SECONDS, partial(self._end_turn_unless_busy, turn))
        stopped.add_done_callback(lambda _: self._end_turn(turn))

    def _end_turn_unless_busy(self, turn: object) -> None:
        if self._is_busy:
            rest = _LONGEST_TURN_SECONDS - _TURN_SECONDS
            self._in_hand[turn] = self._clock.call_after(rest, partial(self._end_turn, turn))
        else:
            self._end_turn(turn)

    def _end_turn(self, turn: object) -> None:
        call = self._in_hand.pop(turn, None)
        if call is None:
            return
        call.cancel()
        if self._has_more and 2 * len(self._in_hand) <= MOST_IN_HAND:
            self.hurry()
