"""The entries of the journal: what happened, in the past tense, one class each.

An entry knows how it changes the state of its saga (:meth:`apply`); the state is the fold of the entries.
Instants (``at``, ``started_at``) are nanoseconds since the epoch, UTC, as OTLP and the stores keep them; the
edges convert. ``key`` is the key of a command within its saga, and ``compensation_key(key)`` that of its
compensation. An entry's place in the journal is its sequence, from 1; it is not part of the entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from orchestrator.contract.command import Effect
from orchestrator.journal.outcome import Failure
from orchestrator.journal.reason import Reason  # noqa: TC001 - as the types of all fields, it can be read at run time
from orchestrator.journal.state import CommandState, CompensationState, Status, StepOutcome

if TYPE_CHECKING:
    from orchestrator.journal.state import SagaState

_COMPENSATION = "compensation:"


def compensation_key(key: str) -> str:
    """The key of the compensation of the command with this key."""
    return _COMPENSATION + key


class SagaStarted(NamedTuple):
    """A saga was started.

    Attributes:
        traceparent: the W3C trace context of the caller, or empty.
        sampled: the saga's trace is exported.
        attributes: the values by which the saga can be listed.
        deadline_at: by when it should have ended; 0 for never.
        forward_until: when it stops going forward for the deadline's sake; 0 for never.
        parent_id: the saga of which it is a child, or empty.
    """

    at: int
    definition: str
    version: int
    input: bytes
    traceparent: str = ""
    sampled: bool = False
    attributes: tuple[tuple[str, str], ...] = ()
    deadline_at: int = 0
    forward_until: int = 0
    parent_id: str = ""

    def apply(self, state: SagaState) -> None:
        """The saga runs."""
        state.definition = self.definition
        state.version = self.version
        state.input = self.input
        state.traceparent = self.traceparent
        state.sampled = self.sampled
        state.attributes = self.attributes
        state.deadline_at = self.deadline_at
        state.forward_until = self.forward_until
        state.parent_id = self.parent_id
        state.started_at = self.at
        state.move(Status.RUNNING)


class CommandIntended(NamedTuple):
    """A command is about to be sent. Durable before an effectful one leaves; a query's merely rides along.

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
            state.pivoted = True


class CommandRefused(NamedTuple):
    """The participant refused a command; it has no effect."""

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
        """It stays unknown whether there is an effect."""
        state.settle(self.key, StepOutcome.UNKNOWN, self.at, self.attempt).failure = self.failure


class RollbackBegan(NamedTuple):
    """From here on, the saga only compensates. Durable before the first compensation is sent."""

    at: int
    reason: Reason

    def apply(self, state: SagaState) -> None:
        """The saga compensates."""
        state.rollback = self.reason
        state.suspension = None
        state.ended_at = None
        state.move(Status.COMPENSATING)


class CompensationBegan(NamedTuple):
    """A compensation is intended: it is sent once those before it have succeeded. Durable before the first leaves.

    Attributes:
        method: the full name of the compensating rpc.
        request: its serialized request, sent like this on every attempt; ``None`` in journals of earlier versions.
    """

    at: int
    key: str
    method: str
    request: bytes | None = None

    def apply(self, state: SagaState) -> None:
        """The command's effect has its place in the rollback."""
        state.intend_compensation(self.key, self.method, self.at, self.request)


class CompensationCompleted(NamedTuple):
    """The effect of the command with this key is compensated."""

    at: int
    key: str
    attempt: int
    started_at: int

    def apply(self, state: SagaState) -> None:
        """The command has no effect any more."""
        compensation = state.compensation(self.key)
        compensation.attempts = self.attempt
        compensation.note_sent(self.started_at)
        compensation.ended_at = self.at


class CompensationRejected(NamedTuple):
    """The participant refused to compensate the command with this key; an operator must decide."""

    at: int
    key: str
    attempt: int
    started_at: int
    failure: Failure

    def apply(self, state: SagaState) -> None:
        """The effect stands."""
        compensation = state.compensation(self.key)
        compensation.attempts = self.attempt
        compensation.note_sent(self.started_at)
        compensation.failure = self.failure


class SagaRecovered(NamedTuple):
    """A replica took the saga over after another, or an earlier process, had let go of it."""

    at: int
    owner: str

    def apply(self, state: SagaState) -> None:
        """Attempts that were in flight then are unknown; the next ones have numbers of their own."""
        for command in state.commands.values():
            if command.outcome is None:
                command.attempts += 1
                command.doubtful = True
            compensation = command.compensation
            if compensation is not None and compensation.ended_at is None:
                compensation.attempts += 1


class SagaCompleted(NamedTuple):
    """The saga went through; every effect stands."""

    at: int
    result: bytes

    def apply(self, state: SagaState) -> None:
        """The saga has ended."""
        state.result = self.result
        state.ended_at = self.at
        state.move(Status.COMPLETED)


class SagaCompensated(NamedTuple):
    """The rollback went through; no effect stands."""

    at: int

    def apply(self, state: SagaState) -> None:
        """The saga has ended."""
        state.ended_at = self.at
        state.move(Status.COMPENSATED)


class SagaSuspended(NamedTuple):
    """The saga waits for an operator."""

    at: int
    reason: Reason

    def apply(self, state: SagaState) -> None:
        """Nothing is sent until an operator has decided."""
        state.suspension = self.reason
        state.move(Status.SUSPENDED)


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
        state.move(Status.COMPENSATING if state.rollback else Status.RUNNING)


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
                state.pivoted = True
        else:
            command.failure = Failure("ABORTED", self.reason.message, "RESOLVED_BY_OPERATOR")


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


class SagaPartiallyCompensated(NamedTuple):
    """The rollback went through, but for effects that an operator lets stand."""

    at: int

    def apply(self, state: SagaState) -> None:
        """The saga has ended."""
        state.ended_at = self.at
        state.move(Status.PARTIALLY_COMPENSATED)


class RetryRequested(NamedTuple):
    """An operator asked for the next attempt at once."""

    at: int
    reason: Reason

    def apply(self, state: SagaState) -> None:
        """Nothing changes but the time of the next attempt."""


class DeadlinePassed(NamedTuple):
    """The saga's deadline passed after its pivot: it keeps going, and raises its hand."""

    at: int

    def apply(self, state: SagaState) -> None:
        """Somebody should look."""
        state.overdue = True


class ValueRecorded(NamedTuple):
    """The code drew a value from the clock or from chance.

    Attributes:
        value: as text; whoever drew it knows how to read it.
    """

    at: int
    key: str
    value: str

    def apply(self, state: SagaState) -> None:
        """A replay finds the same value."""
        state.values[self.key] = self.value


Entry: TypeAlias = (
    SagaStarted
    | CommandIntended
    | AttemptFailed
    | CommandCompleted
    | CommandRefused
    | CommandAbandoned
    | RollbackBegan
    | CompensationBegan
    | CompensationCompleted
    | CompensationRejected
    | SagaRecovered
    | SagaCompleted
    | SagaCompensated
    | SagaSuspended
    | SagaResumed
    | OutcomeResolved
    | CompensationSkipped
    | CompensationResolved
    | SagaPartiallyCompensated
    | RetryRequested
    | DeadlinePassed
    | ValueRecorded
)
