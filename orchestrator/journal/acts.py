"""What operators may do to a saga: one table of act and status, asked before an act, by its dry run and by its preview.

=============  =================  ============  =========  ======================
act            running, waiting,  suspended     completed  compensated,
               compensating                                partially compensated
=============  =================  ============  =========  ======================
cancel         until the pivot    until it too  ended      nothing changes
pause          yes                yes           ended      ended
resume         no                 yes           no         no
retry now      while it backs off same          ended      ended
resolve, skip  no                 yes           no         no
signal         until it rolls back              ended      ended
=============  =================  ============  =========  ======================

*Until the pivot* was accepted, or may have been. What resolve and skip ask of the command besides,
:func:`resolvable`, :func:`uncompensated` and :func:`refuse_in_queue` say. Pure.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from orchestrator.contract.command import Effect
from orchestrator.errors import ActRefused, CancelRefused
from orchestrator.journal.entries import (
    ActProposed,
    CompensationResolved,
    CompensationSkipped,
    OutcomeResolved,
    RetryRequested,
    RollbackBegan,
    SagaResumed,
    SagaSuspended,
)
from orchestrator.journal.keys import unscoped
from orchestrator.journal.state import ENDED, Status, StepOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import CommandState, SagaState

    Check = Callable[[SagaState, bool], None]


class Act(enum.Enum):
    """What an operator does to a saga."""

    CANCEL = enum.auto()
    PAUSE = enum.auto()
    RESUME = enum.auto()
    RETRY_NOW = enum.auto()
    RESOLVE_OUTCOME = enum.auto()
    RESOLVE_COMPENSATION = enum.auto()
    SKIP_COMPENSATION = enum.auto()
    SIGNAL = enum.auto()


def refuse_illegal(act: Act, state: SagaState, *, backs_off: bool = False) -> None:
    """Say why an act cannot be done to a saga as it stands, if it cannot.

    Args:
        act: what is to be done.
        state: of the saga.
        backs_off: an attempt of it waits for its backoff to end.

    Raises:
        ActRefused: so it is; :class:`~orchestrator.errors.CancelRefused` for a cancel.
    """
    assert state.status is not None
    _TABLE[act][state.status](state, backs_off)


def find_command(state: SagaState, name: str) -> CommandState:
    """The command of a key or, where only one is of this name, of a name such as ``PaymentService.CapturePayment``.

    Raises:
        ActRefused: there is none, or more than one.
    """
    command = state.commands.get(name)
    if command is not None:
        return command
    candidates = [key for key in state.commands if name in (key.partition("#")[0], unscoped(key))]
    if len(candidates) == 1:
        return state.commands[candidates[0]]
    if candidates:
        message = f"{name} may be any of: {', '.join(candidates)}; say which one"
        raise ActRefused(state.saga_id, "AMBIGUOUS_COMMAND", message)
    known = ", ".join(state.commands)
    raise ActRefused(state.saga_id, "NO_SUCH_COMMAND", f"no command {name!r}; there are: {known}")


def resolvable(state: SagaState, name: str) -> CommandState:
    """The command of this key or name, whose outcome an operator may state.

    Raises:
        ActRefused: its outcome is known.
    """
    command = find_command(state, name)
    if not command.in_doubt and command is not state.refused_after_pivot:
        raise ActRefused(state.saga_id, "OUTCOME_KNOWN", f"{command.key} is not in doubt")
    return command


def refuse_in_queue(state: SagaState, command: CommandState, held_seconds: float, now: int) -> None:
    """Nobody can say that a command has no effect while a queue may deliver it.

    Args:
        state: of the saga.
        command: of which that is said.
        held_seconds: for how long an attempt may be executed after a queue was given it; 0 where no queue delivers it.
        now: nanoseconds since the epoch, UTC.

    Raises:
        ActRefused: a queue may.
    """
    until = command.may_be_executed_until(held_seconds)
    if command.outcome in (None, StepOutcome.UNKNOWN) and until > now:
        instant = datetime.fromtimestamp(until // 1_000_000_000, UTC).isoformat()
        message = f"{command.key} may be in a queue, and be executed until {instant}; nobody knows before"
        raise ActRefused(state.saga_id, "IN_QUEUE", message)


def uncompensated(state: SagaState, name: str) -> CommandState:
    """The command of this key or name, whose effect may stand while something is in the way of compensating it.

    Raises:
        ActRefused: the saga does not roll back, no effect stands, or nothing is in the way.
    """
    command = find_command(state, name)
    if not state.rollback and command.compensation is None:
        message = f"saga {state.saga_id} does not roll back; cancel it first"
        raise ActRefused(state.saga_id, "NOT_ROLLING_BACK", message)
    if not command.may_stand:
        raise ActRefused(state.saga_id, "NOTHING_STANDS", f"{command.key} has no effect that stands")
    if not _is_obstacle(state, command):
        obstacles = ", ".join(each.key for each in state.commands.values() if _is_obstacle(state, each))
        message = f"nothing is in the way of compensating {command.key}; what is: {obstacles or 'nothing'}"
        raise ActRefused(state.saga_id, "NOTHING_IN_THE_WAY", message)
    return command


def was_carried_out(entries: Iterable[Entry], request_id: str) -> bool:
    """Whether a saga's journal holds what was done on this request, or that it was proposed."""
    return any(entry.reason.request_id == request_id for entry in entries if isinstance(entry, _ASKED_FOR))


def was_proposed(entries: Iterable[Entry], request_id: str) -> bool:
    """Whether a saga's journal holds that this request was a proposal."""
    return any(entry.reason.request_id == request_id for entry in entries if isinstance(entry, ActProposed))


_ASKED_FOR: Final = (
    RollbackBegan,
    SagaSuspended,
    SagaResumed,
    RetryRequested,
    ActProposed,
    OutcomeResolved,
    CompensationResolved,
    CompensationSkipped,
)
"""The entries whose reason may hold the id of a request."""


def signal_capacity(state: SagaState, name: str, asked: int | None, now: int) -> int | None:
    """How many more signals of a name a saga's code can take; ``None`` for any number.

    Args:
        state: of the saga.
        name: of the signal.
        asked: how often the code asks for it at most; ``None`` where that cannot be told.
        now: by the clock of the store: a wait whose time has come takes none, be it journalled yet or not.
    """
    return None if asked is None else max(0, asked - spoken_for(state, name, now))


def spoken_for(state: SagaState, name: str, now: int) -> int:
    """How many waits for a signal of a name are over, or have a signal that came: the next signal is for the next one.

    Args:
        state: of the saga.
        name: of the signal.
        now: by the clock of the store.
    """
    waits = [wait for wait in state.waits.values() if wait.signal == name]
    over = sum(wait.how is not None or 0 < wait.due_at <= now for wait in waits)
    unused = sum(signal.name == name and not signal.wait for signal in state.signals.values())
    return over + unused


def _is_obstacle(state: SagaState, command: CommandState) -> bool:
    """The command's compensation is refused or in doubt, or cannot be sent, or there is none."""
    if not command.may_stand:
        return False
    if command.effect is not Effect.COMPENSABLE or command.in_doubt:
        return True
    compensation = command.compensation
    is_reason = state.suspension is not None and state.suspension.step_key == command.key
    return is_reason or (compensation is not None and compensation.unsettled)


def _allow(_state: SagaState, _backs_off: bool) -> None:
    """Nothing is in the way."""


def _refuse_ended(state: SagaState, _backs_off: bool) -> None:
    raise ActRefused(state.saga_id, "SAGA_ENDED", f"saga {state.saga_id} has ended: {_named(state)}")


def _refuse_cancel_of_completed(state: SagaState, _backs_off: bool) -> None:
    raise CancelRefused(state.saga_id, "SAGA_ENDED", f"saga {state.saga_id} has completed")


def _refuse_past_pivot(state: SagaState, _backs_off: bool) -> None:
    if state.pivoted:
        pivot = next(command.key for command in state.commands.values() if command.effect is Effect.PIVOT)
        message = f"saga {state.saga_id} is past its point of no return, {pivot}; it only goes forward now"
        raise CancelRefused(state.saga_id, "PAST_PIVOT", message)
    if pivot_in_doubt := state.pivot_in_doubt:
        message = f"saga {state.saga_id} may be past its point of no return: {pivot_in_doubt.key} is in doubt"
        raise CancelRefused(state.saga_id, "PIVOT_IN_DOUBT", message)


def _refuse_rolling_back(state: SagaState, _backs_off: bool) -> None:
    if state.rollback:
        raise ActRefused(state.saga_id, "TOO_LATE", f"saga {state.saga_id} rolls back: {state.rollback.message}")


def _refuse_unless_suspended(state: SagaState, _backs_off: bool) -> None:
    advice = "" if state.status in ENDED else "; pause it first"
    message = f"saga {state.saga_id} is {_named(state)}, not suspended{advice}"
    raise ActRefused(state.saga_id, "NOT_SUSPENDED", message)


def _refuse_unless_backing_off(state: SagaState, backs_off: bool) -> None:
    if not backs_off:
        raise ActRefused(state.saga_id, "NOTHING_WAITS", f"saga {state.saga_id} has no attempt that waits")


def _named(state: SagaState) -> str:
    assert state.status is not None
    return state.status.name.lower().replace("_", " ")


def _row(others: Check, **by_status: Check) -> Mapping[Status, Check]:
    return {status: by_status.get(status.name.lower(), others) for status in Status}


_SUSPENDED_ONLY: Final = _row(_refuse_unless_suspended, suspended=_allow)
_TABLE: Final[Mapping[Act, Mapping[Status, Check]]] = {
    Act.CANCEL: _row(_refuse_past_pivot, completed=_refuse_cancel_of_completed),
    Act.PAUSE: _row(_allow, completed=_refuse_ended, compensated=_refuse_ended, partially_compensated=_refuse_ended),
    Act.RESUME: _SUSPENDED_ONLY,
    Act.RETRY_NOW: _row(
        _refuse_unless_backing_off,
        completed=_refuse_ended,
        compensated=_refuse_ended,
        partially_compensated=_refuse_ended,
    ),
    Act.RESOLVE_OUTCOME: _SUSPENDED_ONLY,
    Act.RESOLVE_COMPENSATION: _SUSPENDED_ONLY,
    Act.SKIP_COMPENSATION: _SUSPENDED_ONLY,
    Act.SIGNAL: _row(
        _refuse_rolling_back,
        completed=_refuse_ended,
        compensated=_refuse_ended,
        partially_compensated=_refuse_ended,
    ),
}
