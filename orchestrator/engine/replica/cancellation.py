"""Whether a saga may still be cancelled: a pure question to its state, asked before, and previewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.errors import CancelRefused
from orchestrator.journal.state import Status

if TYPE_CHECKING:
    from orchestrator.journal.state import SagaState


def refuse_cancel(state: SagaState) -> None:
    """Say why a saga cannot be cancelled, if it cannot.

    Raises:
        CancelRefused: the pivot was accepted, or may have been, or the saga has completed.
    """
    if state.status is Status.COMPLETED:
        raise CancelRefused(state.saga_id, "SAGA_ENDED", f"saga {state.saga_id} has completed")
    if state.pivoted:
        pivot = next(command.key for command in state.commands.values() if command.effect is Effect.PIVOT)
        message = f"saga {state.saga_id} is past its point of no return, {pivot}; it only goes forward now"
        raise CancelRefused(state.saga_id, "PAST_PIVOT", message)
    if pivot_in_doubt := state.pivot_in_doubt:
        message = f"saga {state.saga_id} may be past its point of no return: {pivot_in_doubt.key} is in doubt"
        raise CancelRefused(state.saga_id, "PIVOT_IN_DOUBT", message)
