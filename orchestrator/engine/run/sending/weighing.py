"""What an answer to one attempt says about a command: less than it seems, where an earlier attempt is in doubt.

Invariant: an answer speaks for its own attempt. A rejection that comes later does not make an effect undone, unless the
participant's guard itself rejects. A reply that cannot be read, or breaks its contract, is a lost answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.journal.outcome import Completed, Rejected, Unknown

if TYPE_CHECKING:
    from orchestrator.engine.bindings.binding import Binding
    from orchestrator.journal.outcome import Outcome


def weighed(answer: Outcome, binding: Binding, *, in_doubt: bool, spent: bool) -> Outcome:
    """What an answer to one attempt says about the command.

    Args:
        answer: to the latest attempt.
        binding: the command.
        in_doubt: an earlier attempt may have had an effect.
        spent: the contract's attempts are.
    """
    if isinstance(answer, Completed):
        flaw = binding.flaw(answer.reply)
        return answer if flaw is None else Unknown(flaw, final=spent)
    if not isinstance(answer, Rejected) or answer.echoed or not in_doubt or binding.is_query:
        return answer
    if binding.compensates and spent:
        return answer  # it goes before an operator, who is told what was said
    # What is retried until it succeeds is retried; for the others another attempt tells no more.
    return Unknown(answer.failure, final=binding.command.effect is not Effect.RETRYABLE)
