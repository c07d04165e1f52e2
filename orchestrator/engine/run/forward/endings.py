"""Where the end of a saga's code leads: pure decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.constraints import missing_fields
from orchestrator.engine.run.stop_control import RollBack, Suspend, diverged
from orchestrator.errors import CommandError, CommandUnknown, SagaRejected, TimeLimitPassed
from orchestrator.journal.reason import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from orchestrator.engine.run.context import SagaCode
    from orchestrator.journal.state import SagaState


def stop_for(error: BaseException, state: SagaState) -> RollBack | Suspend:
    """Where the code's own error leads."""
    if isinstance(error, BaseExceptionGroup):
        # A TaskGroup wraps what its branches raised; the first of them is why the saga stops.
        return stop_for(error.exceptions[0], state)
    if isinstance(error, TimeLimitPassed) and not state.pivoted:
        return RollBack(Reason.raised(ReasonCode.TIMED_OUT, error, step_key=error.key))
    if isinstance(error, (CommandError, SagaRejected, TimeLimitPassed)):
        key = getattr(error, "key", "")
        if state.pivoted:
            return Suspend(Reason.raised(ReasonCode.REJECTED_AFTER_PIVOT, error, step_key=key))
        code = ReasonCode.UNKNOWN if isinstance(error, CommandUnknown) else ReasonCode.REJECTED
        return RollBack(Reason.raised(code, error, step_key=key))
    return Suspend(Reason.raised(ReasonCode.CODE_FAILED, error, f"{type(error).__name__}: "))


def misfit(
    state: SagaState, unasked: Sequence[str], unawaited: Collection[str], result: object, code: SagaCode
) -> Suspend | None:
    """Why what the code returned cannot be the end of the saga, if it cannot.

    Args:
        state: of the saga.
        unasked: the journalled commands that the code has not asked for.
        unawaited: the commands that it has called and never awaited.
        result: what it returned.
        code: the code.
    """
    if unasked:
        return diverged(f"the code returned; the journal goes on with {', '.join(unasked)}")
    if unawaited:
        return Suspend(Reason(ReasonCode.CODE_FAILED, f"called but never awaited: {', '.join(sorted(unawaited))}"))
    if in_doubt := [command.key for command in state.commands.values() if command.matters_in_doubt]:
        message = f"the code returned; in doubt: {', '.join(in_doubt)}"
        return Suspend(Reason(ReasonCode.UNKNOWN, message, in_doubt[0]))
    expected = code.definition.result
    if not isinstance(result, expected):
        message = f"the code returned {type(result).__name__}, not {expected.__name__}"
        return Suspend(Reason(ReasonCode.CODE_FAILED, message))
    if missing := missing_fields(result):
        message = f"the code returned {expected.__name__} without what it requires: {', '.join(missing)}"
        return Suspend(Reason(ReasonCode.CODE_FAILED, message))
    return None


def weighed_end(end: RollBack | Suspend, state: SagaState) -> RollBack | Suspend:
    """What becomes of a forward run that was to be rolled back or suspended: after the pivot nothing goes back."""
    if not isinstance(end, RollBack):
        return end
    if state.pivoted:
        return Suspend(end.reason._replace(code=ReasonCode.REJECTED_AFTER_PIVOT))
    if pivot := state.pivot_in_doubt:
        message = f"{pivot.key} may have been accepted; rolling back because of {end.reason.message}"
        return Suspend(Reason(ReasonCode.UNKNOWN, message, pivot.key))
    return end
