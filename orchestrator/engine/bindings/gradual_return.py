"""Lets work return to a participant gradually: after an outage thousands of sagas wait for it, and all want to call.

Purpose: a participant that has just come back is not overrun by what has waited for it. Invariant: the room never
shrinks below the calls in flight when the return began, and never exceeds the limit.

::

    begin ──▶ few calls at once ──half a second, and something was answered──▶ twice as many ──▶ ... ──▶ the limit
                   ▲                                                              │
                   └──────────────── a call found nobody there ───────────────────┘
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orchestrator.engine.bindings.concurrency_limit import ConcurrencyLimit
    from orchestrator.ports.clock import Clock, DelayedCall

FIRST_ROOM: Final = 4
"""Calls in flight in the first step."""
STEP_SECONDS: Final = 0.5


class GradualReturn:
    """Widens a limit step by step.

    Args:
        clock: how the steps pass.
        limit: what is widened.
        most: calls that may be in flight in the end.

    Attributes:
        under_way: it has not come to its end.
    """

    __slots__ = ("_answered", "_clock", "_first", "_limit", "_most", "_next", "_room", "under_way")

    def __init__(self, clock: Clock, limit: ConcurrencyLimit, most: int) -> None:
        self._clock = clock
        self._limit = limit
        self._most = most
        self._room = self._first = most
        self._answered = False
        self._next: DelayedCall | None = None
        self.under_way = False

    def begin(self) -> None:
        """From now on few calls may be in flight, and more with each step. Calls that are in flight go on."""
        self._first = max(FIRST_ROOM, self._limit.in_flight)
        self._step(self._first)

    def note(self, *, reached: bool) -> None:
        """A call has ended while this is under way; whether the participant was there."""
        if reached:
            self._answered = True
        else:
            self._step(min(self._first, FIRST_ROOM))

    def end(self, room: int) -> None:
        """Widen no more: so many calls may be in flight."""
        self.shut()
        self._limit.make_room(room)

    def shut(self) -> None:
        """Widen no more, and leave the room as it is."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self.under_way = False

    def _step(self, room: int) -> None:
        if room >= self._most:
            self.end(self._most)
            return
        if self._next is not None:
            self._next.cancel()
        self._room = room
        self._answered = False
        self.under_way = True
        self._next = self._clock.call_after(STEP_SECONDS, self._widen)
        self._limit.make_room(room)

    def _widen(self) -> None:
        # A participant that answers nothing is asked by no more calls than those that wait for it already.
        self._step(self._room * 2 if self._answered or not self._limit.in_flight else self._room)
