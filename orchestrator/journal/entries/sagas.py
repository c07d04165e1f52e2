"""What happens to a saga as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.journal.actor import Actor  # noqa: TC001 - as the types of all fields, it can be read at run time
from orchestrator.journal.events import Standing
from orchestrator.journal.priority import Priority  # noqa: TC001 - as above
from orchestrator.journal.reason import Reason  # noqa: TC001 - as the types of all fields, it can be read at run time
from orchestrator.journal.state import Queued, Status

if TYPE_CHECKING:
    from orchestrator.journal.state import SagaState


class SagaStarted(NamedTuple):
    """A saga was started.

    Attributes:
        traceparent: the W3C trace context of the caller, or empty.
        sampled: the saga's trace is exported.
        attributes: the values by which the saga can be listed.
        deadline_at: by when it should have ended; 0 for never.
        forward_until: when it stops going forward for the deadline's sake; 0 for never.
        parent_id: the saga of which it is a child, or empty.
        started_by: who started it; ``None`` where no caller from outside did.
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
    started_by: Actor | None = None

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
        state.started_by = self.started_by
        state.started_at = self.at
        state.move(Status.RUNNING)


class SagaQueued(NamedTuple):
    """There was no room for the saga when it was started: it waits for its turn, and nobody has claimed it.

    Attributes:
        turn_at: after which others it is begun, nanoseconds since the epoch, UTC; see ``Priority``.
    """

    at: int
    priority: Priority
    turn_at: int

    def apply(self, state: SagaState) -> None:
        """The saga waits; its deadline does not."""
        state.move(Status.WAITING)
        state.queued = Queued(self.at, self.priority, self.turn_at)
        state.wake_at = state.forward_until


class SagaAdmitted(NamedTuple):
    """The turn of a queued saga has come: a replica has claimed it, and advances it."""

    at: int
    owner: str

    def apply(self, state: SagaState) -> None:
        """The saga runs."""
        state.move(Status.RUNNING)


class ValueRecorded(NamedTuple):
    """The code drew a value from the clock or from chance.

    Attributes:
        value: as text; the call that drew it knows how to read it.
    """

    at: int
    key: str
    value: str

    def apply(self, state: SagaState) -> None:
        """A replay finds the same value."""
        state.values[self.key] = self.value


class RollbackBegan(NamedTuple):
    """From here on, the saga only compensates. Durable before the first compensation is sent."""

    at: int
    reason: Reason

    def apply(self, state: SagaState) -> None:
        """The saga compensates."""
        state.events.let_go(Standing.DROPPED)
        state.rollback = self.reason
        state.rollback_at = self.at
        state.suspension = None
        state.ended_at = None
        state.move(Status.COMPENSATING)


class DeadlinePassed(NamedTuple):
    """The saga's deadline passed after its pivot: it keeps going, and raises its hand."""

    at: int

    def apply(self, state: SagaState) -> None:
        """An operator should look at the saga."""
        state.overdue = True


class SagaRecovered(NamedTuple):
    """A replica recovered the saga after another one, or an earlier process, had stopped advancing it."""

    at: int
    owner: str

    def apply(self, state: SagaState) -> None:
        """Attempts that were in flight then are unknown, but for those in a queue; the next ones have other numbers.

        Once the saga rolled back, none of a command was.
        """
        for command in state.commands.values():
            if command.outcome is None:
                command.doubtful = command.doubtful or command.in_queue is None
                command.interrupt(None if state.rollback else self.at)
            compensation = command.compensation
            if compensation is not None and compensation.ended_at is None:
                compensation.interrupt(self.at)


class SagaSuspended(NamedTuple):
    """The saga waits for an operator."""

    at: int
    reason: Reason

    def apply(self, state: SagaState) -> None:
        """Nothing is sent until an operator has decided."""
        state.suspension = self.reason
        state.suspended_at = self.at
        state.move(Status.SUSPENDED)


class SagaCompleted(NamedTuple):
    """The saga went through; every effect stands."""

    at: int
    result: bytes

    def apply(self, state: SagaState) -> None:
        """The saga has ended. Whether what a child did is final, its parent knows."""
        if state.parent_id:
            state.events.let_go(Standing.HANDED_ON)
        else:
            state.events.tell_held()
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


class SagaPartiallyCompensated(NamedTuple):
    """The rollback went through, but for effects that an operator lets stand."""

    at: int

    def apply(self, state: SagaState) -> None:
        """The saga has ended."""
        state.ended_at = self.at
        state.move(Status.PARTIALLY_COMPENSATED)
