"""How far the commands of a saga, and their compensations, have come."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.contract.command import Effect

if TYPE_CHECKING:
    from orchestrator.journal.outcome import Failure


class StepOutcome(enum.Enum):
    """What came of a command, once that is settled."""

    COMPLETED = "completed"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class InQueue(NamedTuple):
    """That a queue holds an attempt, whose answer comes by a queue. Instants are nanoseconds since the epoch, UTC.

    Attributes:
        attempt: its number.
        started_at: when it was published.
        expires_at: from when on the participant does not begin it.
        until: from when on no answer to it comes any more.
    """

    attempt: int
    started_at: int
    expires_at: int
    until: int


class Interrupted(NamedTuple):
    """That attempts ended with their processes, if they were made at all: no answer was noted.

    Attributes:
        attempt: the number of the first of them. Where it was made over a queue, no other one was.
        at: when the latest was found to be over, nanoseconds since the epoch, UTC: nothing was sent since.
    """

    attempt: int
    at: int


class Delivery:
    """How often something was sent, and how the latest attempt failed.

    Attributes:
        attempts: attempts that ended, with whatever outcome.
        failure: how the latest failed attempt failed, if one did.
        in_queue: the attempt that a queue holds, where the journal says so, until it is answered. Others may follow it
            where the participant is reached in another way by now.
        interrupted: the latest of these attempts ended with their processes, one after another; ``None`` where the end
            of the latest was noted.
        intended_at: when it was intended, nanoseconds since the epoch, UTC.
    """

    __slots__ = ("attempts", "failure", "in_queue", "intended_at", "interrupted")

    def __init__(self, intended_at: int) -> None:
        self.intended_at = intended_at
        self.attempts = 0
        self.failure: Failure | None = None
        self.in_queue: InQueue | None = None
        self.interrupted: Interrupted | None = None

    @property
    def attempt_by_queue(self) -> int:
        """The number of the attempt over a queue that goes on, or is made next."""
        if self.in_queue is not None:
            return self.in_queue.attempt
        return self.attempts + 1 if self.interrupted is None else self.interrupted.attempt

    @property
    def attempt_by_call(self) -> int:
        """The number of the attempt that is made next where no queue delivers it."""
        return max(self.attempts, 0 if self.in_queue is None else self.in_queue.attempt) + 1

    def may_be_executed_until(self, held_seconds: float) -> int:
        """Until when what a queue was given may be executed, nanoseconds since the epoch, UTC; 0 for not at all.

        Args:
            held_seconds: for how long an attempt may be after it was published; 0 where no queue delivers it by now.
        """
        if self.in_queue is not None:
            return self.in_queue.until
        return 0 if self.interrupted is None or not held_seconds else self.interrupted.at + int(held_seconds * 1e9)

    def interrupt(self, at: int | None) -> None:
        """The process that advanced the saga has ended. An attempt in a queue outlives it; another one is unknown.

        Args:
            at: when that was found, nanoseconds since the epoch, UTC; ``None`` where no attempt was in flight.
        """
        if self.in_queue is None:
            self.attempts += 1
        if self.in_queue is None and at is not None:
            first = self.attempts if self.interrupted is None else self.interrupted.attempt
            self.interrupted = Interrupted(first, at)


class CompensationState(Delivery):
    """How far the compensation of a command has come.

    Attributes:
        intended_at: when it got its place in the rollback.
        method: the full name of the compensating rpc; empty where an operator says that none is needed.
        request: its serialized request; ``None`` where the journal does not hold it.
        position: that place, from 1: it is sent once those before it have succeeded.
        sent_at: when it was first sent, as far as the journal tells.
    """

    __slots__ = ("ended_at", "method", "position", "request", "sent_at")

    def __init__(self, method: str, request: bytes | None, intended_at: int, position: int) -> None:
        super().__init__(intended_at)
        self.method = method
        self.request = request
        self.position = position
        self.sent_at: int | None = None
        self.ended_at: int | None = None

    @property
    def unsettled(self) -> bool:
        """It was sent, and has not succeeded: it was refused, or is in doubt."""
        return self.ended_at is None and (self.attempts > 0 or self.failure is not None or self.in_queue is not None)

    def note_sent(self, at: int) -> None:
        """An attempt started then."""
        if self.sent_at is None:
            self.sent_at = at


class CommandState(Delivery):
    """How far a command has come. Without an outcome it is in doubt.

    Attributes:
        doubtful: some attempt may have had an effect without an answer.
        skipped: an operator decided to let its effect stand.
    """

    __slots__ = (
        "best_effort",
        "compensation",
        "doubtful",
        "effect",
        "ended_at",
        "key",
        "method",
        "outcome",
        "reply",
        "request",
        "skipped",
    )

    def __init__(
        self, key: str, method: str, effect: Effect, request: bytes, intended_at: int, best_effort: bool
    ) -> None:
        super().__init__(intended_at)
        self.key = key
        self.method = method
        self.effect = effect
        self.request = request
        self.best_effort = best_effort
        self.outcome: StepOutcome | None = None
        self.reply: bytes | None = None
        self.ended_at: int | None = None
        self.compensation: CompensationState | None = None
        self.doubtful = False
        self.skipped = False

    @property
    def may_stand(self) -> bool:
        """The command has, or may have, an effect that is not compensated."""
        if self.effect is Effect.QUERY or self.outcome is StepOutcome.REJECTED or self.skipped:
            return False
        return self.compensation is None or self.compensation.ended_at is None

    @property
    def in_doubt(self) -> bool:
        """It is unknown whether the command took effect."""
        return self.outcome in (None, StepOutcome.UNKNOWN) and self.effect is not Effect.QUERY

    @property
    def abandoned(self) -> bool:
        """The saga went on without knowing whether this took effect; it is to be compensated before the saga ends."""
        return self.outcome is StepOutcome.UNKNOWN and self.may_stand and not self.best_effort

    @property
    def matters_in_doubt(self) -> bool:
        """It is unknown whether the command took effect, and the saga cannot do without knowing."""
        return self.outcome is None and self.effect is not Effect.QUERY and not self.best_effort
