"""What happens to a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.contract.command import Effect
from orchestrator.journal.outcome import Failure  # noqa: TC001 - as the types of all fields, it can be read at run time
from orchestrator.journal.state import CommandState, CompensationState, InQueue, StepOutcome

if TYPE_CHECKING:
    from orchestrator.journal.state import SagaState


class CommandIntended(NamedTuple):
    """A command is about to be sent. Durable before an effectful one leaves; a query's is written with what follows.

    Attributes:
        method: the full name of the rpc.
        request: the serialized request.
        best_effort: the saga goes on without it.
    """

    at: int
    key: str
    method: str
    effect: Effect
    request: bytes
    best_effort: bool = False

    def apply(self, state: SagaState) -> None:
        """The command is in doubt."""
        state.commands[self.key] = CommandState(
            self.key, self.method, self.effect, self.request, self.at, self.best_effort
        )


class CommandQueued(NamedTuple):
    """A queue holds an attempt to deliver a command or a compensation, and the answer is not there yet.

    It is written where the answer takes longer than a moment. Durable before anything counts on it: a replica that
    advances the saga later waits for this attempt, and makes no other one as long as an answer may come.

    Attributes:
        expires_at: from when on the participant does not begin it, nanoseconds since the epoch, UTC.
        until: from when on no answer to it comes any more, likewise.
    """

    at: int
    key: str
    attempt: int
    started_at: int
    expires_at: int
    until: int

    def apply(self, state: SagaState) -> None:
        """The attempt outlives the process that made it."""
        delivery = state.delivery(self.key)
        delivery.attempts = self.attempt - 1
        delivery.in_queue = InQueue(self.attempt, self.started_at, self.expires_at, self.until)
        delivery.interrupted = None
        if isinstance(delivery, CompensationState):
            delivery.note_sent(self.started_at)


class AttemptFailed(NamedTuple):
    """An attempt to deliver a command or a compensation came to no definite end.

    Attributes:
        harmless: it certainly had no effect.
    """

    at: int
    key: str
    attempt: int
    started_at: int
    failure: Failure
    harmless: bool = False

    def apply(self, state: SagaState) -> None:
        """The next attempt has the next number."""
        delivery = state.delivery(self.key)
        delivery.attempts = self.attempt
        delivery.failure = self.failure
        if delivery.in_queue is not None and delivery.in_queue.attempt == self.attempt:
            delivery.in_queue = None
        delivery.interrupted = None
        if isinstance(delivery, CompensationState):
            delivery.note_sent(self.started_at)
        elif isinstance(delivery, CommandState) and not self.harmless:
            delivery.doubtful = True


class CommandCompleted(NamedTuple):
    """A command took effect, or a query was answered."""

    at: int
    key: str
    attempt: int
    started_at: int
    reply: bytes

    def apply(self, state: SagaState) -> None:
        """The outcome is known. An accepted pivot is the point of no return."""
        command = state.settle(self.key, StepOutcome.COMPLETED, self.at, self.attempt)
        command.reply = self.reply
        if command.effect is Effect.PIVOT:
            state.accept_pivot()


class CommandRefused(NamedTuple):
    """The participant refused a command, or a rollback came before it was sent (attempt 0); it has no effect."""

    at: int
    key: str
    attempt: int
    started_at: int
    failure: Failure

    def apply(self, state: SagaState) -> None:
        """The outcome is known."""
        state.settle(self.key, StepOutcome.REJECTED, self.at, self.attempt).failure = self.failure


class CommandAbandoned(NamedTuple):
    """The attempts of a command were spent, and its outcome stays unknown; the saga goes on, or back, without it."""

    at: int
    key: str
    attempt: int
    started_at: int
    failure: Failure

    def apply(self, state: SagaState) -> None:
        """It stays unknown whether there is an effect. A child that completed all the same will be rolled back.

        What a queue holds of it may still be executed.
        """
        state.events.drop_of_child(self.key)
        state.settle(self.key, StepOutcome.UNKNOWN, self.at, self.attempt).failure = self.failure
