"""Flaws of timers, signals, parking and waking, each found by the simulator.

They are mistakes that durable waiting invites: to fire what fired before the failover, to look for a signal before one
sleeps and not after, to let both of two rivals win, to go on with what another one has claimed.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from unittest.mock import patch

from orchestrator.engine.replica.acting.signals import Signals
from orchestrator.engine.run.journal_time import JournalTime
from orchestrator.engine.run.waits.wait_execution import WaitExecution
from orchestrator.journal.entries import SagaWoken
from orchestrator.journal.waits import WaitEnd
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.simulation import Promise
from tests.unit.simulation.engine_flaws import EngineFlaw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.journal.state import SagaState
    from orchestrator.journal.waits import WaitState
    from orchestrator.ports.journal import Append

NANOSECONDS = 1_000_000_000


@contextlib.contextmanager
def a_timer_fires_again_after_a_failover() -> Iterator[None]:
    """The replica that takes a saga over fires every timer whose time has come, also those that have fired."""

    def due(state: SagaState, now: int) -> list[WaitState]:
        return [wait for wait in state.waits.values() if 0 < wait.due_at <= now and wait.how is not WaitEnd.LEFT]

    with patch("orchestrator.engine.replica.advancing.claimed_sagas.due_waits", due):
        yield


@contextlib.contextmanager
def a_timer_fires_before_its_time() -> Iterator[None]:
    """A replica takes the time of the journal to be later than it is."""
    now = JournalTime.now

    with patch.object(JournalTime, "now", lambda self: now(self) + 3 * NANOSECONDS):
        yield


@contextlib.contextmanager
def a_signal_is_lost_between_parking_and_waking() -> Iterator[None]:
    """A signal is noted in the journal of a parked saga, and nobody wakes the saga for it."""
    with patch("orchestrator.engine.replica.acting.signals.asked_for", lambda _state, _signal: False):
        yield


@contextlib.contextmanager
def a_signal_is_acknowledged_before_it_is_durable() -> Iterator[None]:
    """The sender of a signal to a saga that rests is told at once that it is there."""

    async def hasty(self: Signals, saga_id: str, _signal: object) -> SagaState:
        return await self._worker.get(saga_id)

    with patch.object(Signals, "_give_resting", hasty):
        yield


@contextlib.contextmanager
def timer_and_signal_both_win() -> Iterator[None]:
    """A wait that a signal has ended is ended by its timer, too, which nobody has stopped."""
    end = WaitExecution.end

    def end_with_timer(self: WaitExecution, wait: WaitState, how: WaitEnd, request_id: str = "") -> None:
        end(self, wait, how, request_id)
        if how is WaitEnd.SIGNAL and wait.due_at:
            left = wait.due_at - self._context.time.now()
            self._context.clock.call_after(max(0, left) / NANOSECONDS, lambda: end(self, wait, WaitEnd.DUE))

    with patch.object(WaitExecution, "end", end_with_timer):
        yield


@contextlib.contextmanager
def a_lost_claim_wakes_its_saga() -> Iterator[None]:
    """The journal takes a wake-up from the replica that had the claim, although another one has it since."""
    write = MemoryJournal._write

    def unfenced(self: MemoryJournal, append: Append) -> None:
        known = self._sagas.get(append.saga_id)
        if known is not None and known.owner is not None and isinstance(append.entries[0], SagaWoken):
            append = append._replace(owner=known.owner, token=known.token)
        write(self, append)

    with patch.object(MemoryJournal, "_write", unfenced):
        yield


WAITING_FLAWS = (
    EngineFlaw(a_timer_fires_again_after_a_failover, frozenset({Promise.TIME_AND_SIGNALS_ARE_FACTS})),
    EngineFlaw(a_timer_fires_before_its_time, frozenset({Promise.TIME_AND_SIGNALS_ARE_FACTS})),
    EngineFlaw(a_signal_is_lost_between_parking_and_waking, frozenset({Promise.TIME_AND_SIGNALS_ARE_FACTS})),
    EngineFlaw(a_signal_is_acknowledged_before_it_is_durable, frozenset({Promise.TIME_AND_SIGNALS_ARE_FACTS})),
    EngineFlaw(timer_and_signal_both_win, frozenset({Promise.TIME_AND_SIGNALS_ARE_FACTS})),
    EngineFlaw(a_lost_claim_wakes_its_saga, frozenset({Promise.ONE_OWNER})),
)
