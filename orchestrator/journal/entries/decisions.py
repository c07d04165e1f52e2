"""What operators have decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Failure
from orchestrator.journal.reason import Reason  # noqa: TC001 - as the types of all fields, it can be read at run time
from orchestrator.journal.state import Status, StepOutcome

if TYPE_CHECKING:
    from orchestrator.journal.state import SagaState


class SagaResumed(NamedTuple):
    """An operator lets a suspended saga go on from where it stands."""

    at: int
    reason: Reason

    def apply(self, state: SagaState) -> None:
        """The refusal after the pivot that has suspended the saga is asked again: it can only go forward."""
        refused = state.refused_after_pivot
        if refused is not None:
            state.reopen(refused)
        state.suspension = None
        state.proposals.clear()
        state.move(Status.COMPENSATING if state.rollback else Status.RUNNING)


class ActProposed(NamedTuple):
    """A person asked for an act that a second person must ask for, too; it is not done yet.

    Attributes:
        proposal: what exactly is asked for, as text that is compared.
        reason: the evidence, and who gave it.
    """

    at: int
    key: str
    proposal: str
    reason: Reason

    def apply(self, state: SagaState) -> None:
        """Nothing changes but that a second person may have it done."""
        state.proposals[self.proposal] = self.reason


class RetryRequested(NamedTuple):
    """An operator asked for the next attempt at once."""

    at: int
    reason: Reason

    def apply(self, state: SagaState) -> None:
        """Nothing changes but the time of the next attempt."""


class OutcomeResolved(NamedTuple):
    """An operator says what came of a command in doubt.

    Attributes:
        took_effect: whether it did.
        reply: the serialized reply, where it did and the reply is known.
        reason: the evidence, and who gave it.
    """

    at: int
    key: str
    took_effect: bool
    reply: bytes
    reason: Reason

    def apply(self, state: SagaState) -> None:
        """The outcome is known."""
        outcome = StepOutcome.COMPLETED if self.took_effect else StepOutcome.REJECTED
        command = state.settle(self.key, outcome, self.at, state.commands[self.key].attempts)
        if self.took_effect:
            command.reply = self.reply
            if command.effect is Effect.PIVOT:
                state.accept_pivot()
        else:
            command.failure = Failure(StatusCode.ABORTED, self.reason.message, "RESOLVED_BY_OPERATOR")


class CompensationSkipped(NamedTuple):
    """An operator lets the effect of a command stand.

    Attributes:
        reason: the evidence, and who gave it.
    """

    at: int
    key: str
    reason: Reason

    def apply(self, state: SagaState) -> None:
        """The rollback passes the command by, and ends partially compensated."""
        state.commands[self.key].skipped = True


class CompensationResolved(NamedTuple):
    """An operator says that the effect of a command was already taken back, by other means than its compensation.

    Attributes:
        reason: the evidence, and who gave it.
    """

    at: int
    key: str
    reason: Reason

    def apply(self, state: SagaState) -> None:
        """The command has no effect any more."""
        if state.commands[self.key].compensation is None:
            state.intend_compensation(self.key, "", self.at, None)
        state.compensation(self.key).ended_at = self.at
