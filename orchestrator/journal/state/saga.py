"""Everything that the journal tells about one saga: the fold of its entries.

Invariant: a saga ends ``compensated`` only when no command in it is completed or in doubt without a
completed compensation, queries and best-effort commands aside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.contract.command import Effect
from orchestrator.journal.cause import Cause
from orchestrator.journal.events import SagaEvents
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state.deliveries import CommandState, CompensationState, Delivery, StepOutcome
from orchestrator.journal.state.status import BEFORE_START, LEGAL_MOVES, Status

if TYPE_CHECKING:
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.priority import Priority
    from orchestrator.journal.waits import SignalState, WaitState


class Queued(NamedTuple):
    """That a saga is queued.

    Attributes:
        since: when it was queued; so is turn_at, after which others it is begun: nanoseconds since the epoch, UTC.
    """

    since: int
    priority: Priority
    turn_at: int


class SagaState:
    """Everything that the journal tells about one saga.

    Attributes:
        commands: in the order of their intents.
        waits: what the code waits or waited for besides, in the order in which that began.
        signals: those received, by request id, in the order of their arrival.
        settled: the keys of the commands and waits whose outcome is known, in the order in which it became so.
        values: what the code drew from the clock or from chance, by key.
        deadline_at: nanoseconds since the epoch, UTC; 0 for none.
        forward_until: when the forward run stops for the deadline's sake, leaving the reserve; 0 for never.
        overdue: the deadline passed after the pivot.
        rollback: why the saga rolls back, once it does.
        rollback_at: when that began, nanoseconds since the epoch, UTC; 0 for never.
        suspension: why the saga is suspended, while it is.
        suspended_at: when it was suspended last, nanoseconds since the epoch, UTC; 0 for never.
        proposals: the acts that a second person must ask for, by what exactly each is; until the saga is resumed.
        started_by: who started it; ``None`` where no caller from outside did.
        queued: that it is queued, while it is: it was started, and nobody has begun to advance it.
        events: what it has published.
        wake_at: when a parked saga is due, nanoseconds since the epoch, UTC, by the clock of the store; 0 for never.
    """

    __slots__ = (
        "attributes",
        "commands",
        "deadline_at",
        "definition",
        "ended_at",
        "events",
        "forward_until",
        "input",
        "overdue",
        "parent_id",
        "pivoted",
        "proposals",
        "queued",
        "result",
        "rollback",
        "rollback_at",
        "saga_id",
        "sampled",
        "settled",
        "signals",
        "started_at",
        "started_by",
        "status",
        "suspended_at",
        "suspension",
        "traceparent",
        "values",
        "version",
        "waits",
        "wake_at",
    )

    def __init__(self, saga_id: str) -> None:
        self.saga_id = saga_id
        self.definition = ""
        self.version = 0
        self.input = b""
        self.traceparent = ""
        self.sampled = False
        self.attributes: tuple[tuple[str, str], ...] = ()
        self.started_at = 0
        self.started_by: Actor | None = None
        self.ended_at: int | None = None
        self.status: Status | None = BEFORE_START
        self.commands: dict[str, CommandState] = {}
        self.settled: dict[str, None] = {}
        self.waits: dict[str, WaitState] = {}
        self.signals: dict[str, SignalState] = {}
        self.wake_at = 0
        self.values: dict[str, str] = {}
        self.parent_id = ""
        self.deadline_at = 0
        self.forward_until = 0
        self.overdue = False
        self.pivoted = False
        self.rollback: Reason | None = None
        self.rollback_at = 0
        self.suspension: Reason | None = None
        self.suspended_at = 0
        self.proposals: dict[str, Reason] = {}
        self.result: bytes | None = None
        self.queued: Queued | None = None
        self.events = SagaEvents()

    @property
    def turn_at(self) -> int | None:
        """After which others a queued saga is begun; ``None`` where it is not queued."""
        return None if self.queued is None else self.queued.turn_at

    @property
    def reason(self) -> Reason | None:
        """Why the saga is suspended, or else why it rolls back."""
        return self.suspension or self.rollback

    @property
    def cause(self) -> Cause | None:
        """The same as it is searched for."""
        reason = self.suspension or self.rollback
        if reason is None:
            return None
        command = self.commands.get(reason.step_key)
        since = self.rollback_at if self.suspension is None else self.suspended_at
        return Cause.of(reason, "" if command is None else command.method, since)

    @property
    def skipped(self) -> bool:
        """An operator has let some effect stand."""
        return any(command.skipped for command in self.commands.values())

    @property
    def refused_after_pivot(self) -> CommandState | None:
        """The command whose refusal has suspended the saga, where the saga can only go forward."""
        if self.suspension is None or self.suspension.code != ReasonCode.REJECTED_AFTER_PIVOT:
            return None
        command = self.commands.get(self.suspension.step_key)
        return command if command is not None and command.outcome is not StepOutcome.COMPLETED else None

    @property
    def pivot_in_doubt(self) -> CommandState | None:
        """A pivot that may or may not have been accepted: the saga may go neither back nor on."""
        unsettled = (None, StepOutcome.UNKNOWN)
        pivots = (command for command in self.commands.values() if command.effect is Effect.PIVOT)
        return next((pivot for pivot in pivots if pivot.outcome in unsettled), None)

    def settle(self, key: str, outcome: StepOutcome, at: int, attempt: int) -> CommandState:
        """The outcome of a command is known, or known to stay unknown; the command."""
        command = self.commands[key]
        command.outcome = outcome
        command.ended_at = at
        command.attempts = attempt
        if outcome is not StepOutcome.UNKNOWN:
            command.in_queue = None
        self.settled.pop(key, None)
        self.settled[key] = None
        return command

    def reopen(self, command: CommandState) -> None:
        """Its outcome counts no more: the command is to be sent again."""
        command.outcome = None
        command.ended_at = None
        command.interrupted = None
        self.settled.pop(command.key, None)

    def move(self, status: Status) -> None:
        """Change the status.

        Raises:
            ValueError: the table of legal moves does not hold this one; nothing has changed.
        """
        if status not in LEGAL_MOVES[self.status]:
            raise ValueError(f"saga {self.saga_id} cannot move from {self.status} to {status}")
        self.status = status
        self.wake_at = 0
        self.queued = None

    def accept_pivot(self) -> None:
        """The saga can only go forward: what it held is told."""
        self.pivoted = True
        self.events.tell_held()

    def intend_compensation(self, key: str, method: str, at: int, request: bytes | None) -> None:
        """Give the compensation of the command with this key the next place."""
        position = sum(command.compensation is not None for command in self.commands.values()) + 1
        self.commands[key].compensation = CompensationState(method, request, at, position)

    def compensation(self, key: str) -> CompensationState:
        """The intended compensation of the command with this key."""
        found = self.commands[key].compensation
        assert found is not None, f"no compensation of {key} is intended"
        return found

    def delivery(self, key: str) -> Delivery:
        """The command with this key or, where it is the key of a compensation, that compensation."""
        command = self.commands.get(key)
        return command if command is not None else self.compensation(key.partition(":")[2])
