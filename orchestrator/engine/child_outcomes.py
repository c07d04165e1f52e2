"""What a child saga is to its parent: the outcome of a command. Pure, and the same on each engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.entries import EventsHandedOn, OutcomeResolved
from orchestrator.journal.outcome import Completed, Failure, Rejected, Unknown
from orchestrator.journal.state import ENDED, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.events import HeldEvent
    from orchestrator.journal.outcome import Outcome
    from orchestrator.journal.state import SagaState


def child_outcome(state: SagaState) -> Outcome:
    """What the run of a child comes to for its parent, as the child stands now."""
    if state.status is Status.COMPLETED:
        return Completed(state.result or b"", state.events.handed_on())
    if state.status is Status.PARTIALLY_COMPENSATED:
        return Unknown(_partly(state), final=True)
    reason = state.reason
    message = f"the child {state.saga_id}: {reason.message if reason else state.status}"
    if state.status in ENDED:
        # Every attempt finds the same child, so what it says holds for all of them.
        return Rejected(Failure(StatusCode.ABORTED, message, reason.code if reason else ""), echoed=True)
    return Unknown(Failure(StatusCode.DEADLINE_EXCEEDED, message))


def rollback_outcome(state: SagaState) -> Outcome:
    """What the rollback of a child comes to for its parent, as the child stands after it was asked for."""
    if state.status is Status.PARTIALLY_COMPENSATED:
        return Rejected(_partly(state), echoed=True)
    if state.status in ENDED - {Status.COMPLETED}:
        return Completed(b"")
    assert state.status is not None
    return Unknown(Failure(StatusCode.DEADLINE_EXCEEDED, f"the child {state.saga_id} is {state.status.name.lower()}"))


def hears_by_hand(state: SagaState, entry: Entry) -> bool:
    """Whether a decision by a person takes the place of a child's result, for which the saga asks no more.

    With the result, the saga would have heard what the child has left to it to tell.

    Args:
        state: of the saga, before the decision.
        entry: the decision, or that it was proposed.
    """
    return isinstance(entry, OutcomeResolved) and entry.took_effect and not state.rollback


def handed_on(now: int, key: str, events: Sequence[HeldEvent]) -> list[EventsHandedOn]:
    """What is journalled of the events that a child has left to its parent: nothing where there are none.

    Args:
        now: nanoseconds since the epoch, UTC.
        key: of the command that the child is.
        events: in the order in which the child published them.
    """
    return [EventsHandedOn(now, key, tuple(events))] if events else []


def _partly(state: SagaState) -> Failure:
    """An operator let effects of the child stand: it is neither done nor undone, so its parent is not either."""
    standing = ", ".join(command.key for command in state.commands.values() if command.skipped)
    return Failure(
        StatusCode.ABORTED, f"of the child {state.saga_id}, an operator let stand: {standing}", "EFFECT_STANDS"
    )
