"""What an operator decides about one command of a suspended saga, and what is journalled of it. Pure.

What of this needs two people, :mod:`orchestrator.journal.four_eyes` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.errors import ActRefused
from orchestrator.journal.acts import Act, refuse_illegal, refuse_in_queue, resolvable, uncompensated
from orchestrator.journal.entries import CompensationResolved, CompensationSkipped, OutcomeResolved
from orchestrator.journal.reason import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.actor import Actor
    from orchestrator.journal.four_eyes import Decided
    from orchestrator.journal.state import CommandState, SagaState

DECISIONS: Final = frozenset({Act.RESOLVE_OUTCOME, Act.RESOLVE_COMPENSATION, Act.SKIP_COMPENSATION})
"""The acts that decide about one command."""


class CommandDecision(NamedTuple):
    """What such an act says.

    Attributes:
        key: the command; without a number where only one is of this name.
        took_effect: whether it did, for an outcome.
        reply: its serialized reply, where it did and the reply is known.
        reply_type: the full name of the type of that, where somebody is to check it; else empty.
    """

    key: str
    took_effect: bool = False
    reply: bytes | None = None
    reply_type: str = ""


def decided(
    act: Act,
    decision: CommandDecision,
    state: SagaState,
    *,
    evidence: str,
    by: Actor,
    now: int,
    request_id: str = "",
    held_seconds: Callable[[str], float] = lambda _method: 0.0,
) -> Decided:
    """What is to be journalled of a decision about a command of a saga as it stands.

    Args:
        act: which of the :data:`DECISIONS`.
        decision: what it says.
        state: of the saga.
        evidence: how that is known.
        by: who says so.
        now: nanoseconds since the epoch, UTC.
        request_id: by which a repeated act is known, or empty.
        held_seconds: of a method: for how long an attempt may be executed after a queue was given it; 0 where no queue
            delivers it.

    Raises:
        ActRefused: the saga is not in a state for it.
    """
    refuse_illegal(act, state)
    if act is Act.RESOLVE_OUTCOME:
        command = resolvable(state, decision.key)
        if not decision.took_effect:
            refuse_in_queue(state, command, held_seconds(command.method), now)
        return _outcome(decision, state, command, evidence, by, now, request_id)
    command = uncompensated(state, decision.key)
    if act is Act.SKIP_COMPENSATION:
        skipped = Reason.asked(ReasonCode.SKIPPED, evidence, by, command.key, request_id)
        return CompensationSkipped(now, command.key, skipped)
    assert act is Act.RESOLVE_COMPENSATION, f"{act} is about a saga, and not about one of its commands"
    refuse_in_queue(state, command, held_seconds(command.method), now)
    resolved = Reason.asked(ReasonCode.RESOLVED, evidence, by, command.key, request_id)
    return CompensationResolved(now, command.key, resolved)


def _outcome(
    decision: CommandDecision,
    state: SagaState,
    command: CommandState,
    evidence: str,
    by: Actor,
    now: int,
    request_id: str,
) -> Decided:
    """What came of a command that is in doubt, or was refused after the pivot.

    The latter can only have been done by hand: then the saga goes on as if the participant had done it.
    """
    reason = Reason.asked(ReasonCode.RESOLVED, evidence, by, command.key, request_id)
    if command.abandoned and not state.rollback:
        # The code was told that nobody knows, and has gone on; only what is to be compensated can change.
        if decision.took_effect:
            message = f"the saga has gone on without {command.key}, which is compensated before it ends; resume it"
            raise ActRefused(state.saga_id, "GONE_ON_WITHOUT", message)
        return CompensationResolved(now, command.key, reason)
    if decision.took_effect and decision.reply is None and not state.rollback:
        message = f"{command.key} took effect: the saga needs its reply to go forward"
        raise ActRefused(state.saga_id, "REPLY_NEEDED", message)
    return OutcomeResolved(now, command.key, decision.took_effect, decision.reply or b"", reason)
