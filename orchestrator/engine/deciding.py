"""What a decision about a command would come to: its dry run, for each engine, wherever the saga is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import ActRefused
from orchestrator.journal.acts import find_command
from orchestrator.journal.decisions import decided
from orchestrator.journal.entries import ActProposed
from orchestrator.journal.four_eyes import seconded

if TYPE_CHECKING:
    from orchestrator.engine.bindings.binding import Bindings
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.acts import Act
    from orchestrator.journal.decisions import CommandDecision
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.journal.state import CommandState, SagaState


def needs_second(
    act: Act, decision: CommandDecision, state: SagaState, by: Actor, four_eyes: FourEyes, bindings: Bindings, now: int
) -> bool:
    """Whether a decision would only be proposed, because a second person must ask for the same.

    Args:
        act: which of :data:`~orchestrator.journal.decisions.DECISIONS`.
        decision: what it says; a reply that it gives is checked, too.
        state: of the saga.
        by: who decides.
        four_eyes: what two people must ask for.
        bindings: the contracts at hand.
        now: nanoseconds since the epoch, UTC.

    Raises:
        ActRefused: it would be refused.
    """
    entry = decided(act, decision, state, evidence="", by=by, now=now, held_seconds=bindings.held_seconds)
    second = four_eyes.needs_two(act) and isinstance(seconded(act, state, entry), ActProposed)
    if decision.reply is not None:
        _refuse_unfit(find_command(state, decision.key), state.saga_id, decision, bindings)
    return second


def _refuse_unfit(command: CommandState, saga_id: str, decision: CommandDecision, bindings: Bindings) -> None:
    """Raises: ActRefused: the reply is not one that this command can have."""
    binding, reply = bindings.by_name(command.method), decision.reply
    if binding is None:
        message = f"no contract at hand tells what {command.key} replies"
        raise ActRefused(saga_id, "CONTRACT_MISSING", message)
    expected = binding.command.response.DESCRIPTOR.full_name
    if decision.reply_type not in {"", expected}:
        message = f"the reply of {command.key} is a {expected}, not a {decision.reply_type}"
        raise ActRefused(saga_id, "WRONG_REPLY_TYPE", message)
    if reply is not None and (flaw := binding.flaw(reply)):
        raise ActRefused(saga_id, "REPLY_INVALID", flaw.message)
