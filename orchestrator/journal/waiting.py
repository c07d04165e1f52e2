"""Which waits of a saga are open, which one a signal ends, and when a saga is due. Pure.

Invariant: each signal ends at most one wait, and each wait ends once; signals of one name are given out in the order of
their arrival, to the waits in the order in which they began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.journal.keys import compensation_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.journal.state import Delivery, InQueue, SagaState
    from orchestrator.journal.waits import SignalState, WaitState


def match_of(state: SagaState, wait: WaitState) -> SignalState | None:
    """The signal that ends an open wait, if one is there."""
    return next((signal for each, signal in matches(state) if each is wait), None)


def open_waits(state: SagaState) -> list[WaitState]:
    """The waits that have not ended, in the order in which they began."""
    return [wait for wait in state.waits.values() if wait.how is None]


def due_waits(state: SagaState, now: int) -> list[WaitState]:
    """The open waits whose time has come by this instant, in the order of their times."""
    due = [wait for wait in open_waits(state) if 0 < wait.due_at <= now]
    return sorted(due, key=lambda wait: wait.due_at)


def matches(state: SagaState) -> Iterator[tuple[WaitState, SignalState]]:
    """The open waits that signals end which came in time, each with its signal."""
    unused = [signal for signal in state.signals.values() if not signal.wait]
    for wait in open_waits(state) if unused else ():
        signal = next((each for each in unused if each.name == wait.signal and _is_in_time(each, wait)), None)
        if signal is not None:
            unused.remove(signal)
            yield wait, signal


def _is_in_time(signal: SignalState, wait: WaitState) -> bool:
    """A signal that came when the time was over has lost, also where nobody has noticed yet that it was over."""
    return not wait.due_at or signal.position <= wait.signals_before or signal.received_at < wait.due_at


class Held(NamedTuple):
    """A command or a compensation that a queue holds, and whose answer comes by a queue.

    Attributes:
        key: its own.
        method: the full name of its rpc.
        delivery: how far it has come.
        in_queue: the attempt that the queue holds.
    """

    key: str
    method: str
    delivery: Delivery
    in_queue: InQueue


def held_by_queues(state: SagaState) -> list[Held]:
    """What a saga waits for that comes by a queue. One that rolls back waits for its compensations alone."""
    held: list[Held] = []
    for command in state.commands.values():
        undo = command.compensation
        if undo is not None and undo.in_queue is not None and undo.ended_at is None and not command.skipped:
            held.append(Held(compensation_key(command.key), undo.method, undo, undo.in_queue))
        if command.in_queue is not None and command.outcome is None and not state.rollback:
            held.append(Held(command.key, command.method, command, command.in_queue))
    return held


def rests(state: SagaState) -> bool:
    """Whether something may come that a saga waits for. Else it has something to do."""
    return bool(held_by_queues(state)) or (not state.rollback and bool(open_waits(state)))


def unanswered(state: SagaState) -> Iterator[tuple[str, Delivery]]:
    """What has no outcome, and may be answered by a queue: commands and compensations, each with its key."""
    for command in state.commands.values():
        undo = command.compensation
        if undo is not None and undo.ended_at is None:
            yield compensation_key(command.key), undo
        elif undo is None and command.outcome is None and not state.rollback:
            yield command.key, command


def next_due(state: SagaState) -> int:
    """When a saga has to be advanced, whatever comes; 0 for never.

    At its next timer, when an answer can come by a queue no more, or for its deadline's sake. The timers and the
    deadline of a saga that rolls back are over.
    """
    times = [held.in_queue.until for held in held_by_queues(state)]
    if state.rollback:
        return min(times, default=0)
    times += [wait.due_at for wait in open_waits(state) if wait.due_at]
    if state.forward_until and not state.pivoted:
        times.append(state.forward_until)
    elif state.deadline_at and not state.overdue:
        times.append(state.deadline_at)
    return min(times, default=0)
