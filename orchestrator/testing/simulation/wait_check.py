"""Holds timers and signals to their promise, by the store's clock, independently of the engine that gives them out.

==========================  =========================================================================================
what is journalled          must be true
==========================  =========================================================================================
a wait has ended            it had not ended before
its time has come           it has, and no signal that came in time was there for it
a signal has ended it       the signal is the first of its name that has ended no other wait
a signal was received       its request was not received before
a saga stays parked         no signal is there for which one of its waits asks, unless it is due at once
==========================  =========================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.journal.state import Status
from orchestrator.journal.waiting import match_of, matches
from orchestrator.journal.waits import WaitEnd
from orchestrator.testing.simulation.promises import Promise
from orchestrator.testing.world.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.entries import SignalReceived, WaitEnded
    from orchestrator.journal.state import SagaState

_SLACK: Final = 1_000_000_000
"""By so much a timer may be early here: the clocks of these worlds run wrong by a tenth, between two heartbeats."""


class WaitCheck:
    """The waits of all sagas of one world.

    Args:
        report: told of every promise that was broken.
    """

    def __init__(self, report: Callable[[Promise, str], None]) -> None:
        self._report = report

    def check_end(self, state: SagaState, entry: WaitEnded) -> None:
        """A wait is about to have ended."""
        name, wait = f"{state.saga_id}/{entry.key}", state.waits[entry.key]
        if wait.how is not None:
            self._broken(f"{name} has ended as {wait.how}, and ends again as {entry.how}")
        elif entry.how is WaitEnd.DUE:
            if wait.due_at - VirtualClock().now() > _SLACK:
                self._broken(f"{name} is due before its time")
            if wait.signal and (signal := match_of(state, wait)) is not None:
                self._broken(f"{name} is due, although {signal.request_id} came in time")
        elif entry.how is WaitEnd.SIGNAL:
            unused = [each for each in state.signals.values() if each.name == wait.signal and not each.wait]
            if not unused or unused[0].request_id != entry.request_id:
                self._broken(f"{name} was ended by {entry.request_id}, which is not the next one")

    def check_signal(self, state: SagaState, entry: SignalReceived) -> None:
        """A signal is about to be received."""
        if entry.request_id in state.signals:
            self._broken(f"{state.saga_id} has received {entry.request_id} twice")

    def check_rest(self, state: SagaState) -> None:
        """These entries are durable, and nothing more may follow for long."""
        asleep = state.status is Status.WAITING and not 0 < state.wake_at <= VirtualClock().now()
        for wait, signal in matches(state) if asleep else ():
            self._broken(f"{state.saga_id}/{wait.key} asks for {signal.request_id}, and its saga stays parked")

    def _broken(self, how: str) -> None:
        self._report(Promise.TIME_AND_SIGNALS_ARE_FACTS, how)
