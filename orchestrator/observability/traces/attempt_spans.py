"""The CLIENT spans of one saga's attempts: of its commands, and of their compensations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from orchestrator.journal import entries as e
from orchestrator.journal.keys import idempotency_key
from orchestrator.journal.state import StepOutcome
from orchestrator.observability import names
from orchestrator.observability.traces.spans import SagaSpans, error, link, prepare_attempt
from orchestrator.observability.traces.wire import attribute, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.contract.command import Effect
    from orchestrator.journal.outcome import Failure

AttemptEnded: TypeAlias = (
    e.AttemptFailed
    | e.CommandCompleted
    | e.CommandRefused
    | e.CommandAbandoned
    | e.CompensationCompleted
    | e.CompensationRejected
)
"""An entry that ends an attempt."""

_LEFT: Final = "the saga turned back before an answer came"
_INTERRUPTED: Final = "the orchestrator stopped before an answer came"


class Sending:
    """What is sent under one key: a command, or the compensation of one.

    Attributes:
        effect: what the contract says of a command; ``None`` for a compensation.
        counted: how many attempts the journal counts.
        seen: the number of the latest attempt that has a span; 0 before the first.
        since: the latest instant before which none of its current attempts began.
        settled: no attempt follows.
        in_queue: the current attempt, where a queue holds it and it outlives its process.
        compensates: the command that it compensates, if it is a compensation.
    """

    __slots__ = (
        "best_effort",
        "compensates",
        "counted",
        "effect",
        "in_queue",
        "key",
        "method",
        "seen",
        "settled",
        "since",
    )

    def __init__(
        self,
        key: str,
        method: str,
        effect: Effect | None,
        since: int,
        *,
        best_effort: bool = False,
        compensates: Sending | None = None,
    ) -> None:
        self.key = key
        self.method = method
        self.effect = effect
        self.since = since
        self.best_effort = best_effort
        self.compensates = compensates
        self.counted = 0
        self.seen = 0
        self.settled = False
        self.in_queue: e.CommandQueued | None = None


class AttemptSpans:
    """Makes the spans of a saga's attempts.

    Args:
        spans: what all spans of the saga have in common.
        addresses: ``host:port`` of the participants, by the full names of their services.
    """

    __slots__ = ("_addresses", "_spans")

    def __init__(self, spans: SagaSpans, addresses: Mapping[str, str]) -> None:
        self._spans = spans
        self._addresses = addresses

    def ended(self, sending: Sending, entry: AttemptEnded, outcome: StepOutcome, failure: Failure | None) -> bytes:
        """The span of an attempt whose end is journalled."""
        span = self._attempt(sending, entry.attempt, entry.started_at, entry.at, outcome)
        if failure is not None:
            span += error(failure.code, str(failure))
            span += attribute(names.RPC_STATUS, failure.code.value)
        sending.counted = entry.attempt
        sending.since = entry.at
        sending.in_queue = None
        return span

    def interrupted(self, sending: Sending, at: int) -> bytes:
        """The span of the attempt that was, as far as the journal can tell, in flight when the process ended."""
        span = self._attempt(sending, sending.counted, sending.since, at, StepOutcome.UNKNOWN)
        return span + attribute(names.SAGA_INTERRUPTED, value=True) + error(names.INTERRUPTED, _INTERRUPTED)

    def left(self, sending: Sending, queued: e.CommandQueued, at: int) -> bytes:
        """The span of an attempt that a queue holds, and for which the saga waits no more."""
        sending.in_queue = None
        span = self._attempt(sending, queued.attempt, queued.started_at, at, StepOutcome.UNKNOWN)
        return span + error(names.LEFT_IN_QUEUE, _LEFT)

    def _attempt(self, sending: Sending, number: int, started_at: int, ended_at: int, outcome: StepOutcome) -> bytes:
        spans = self._spans
        sending.seen = number
        address = self._addresses.get(sending.method.rpartition(".")[0], "")
        prepared = prepare_attempt(sending.method, sending.effect, outcome, address)
        span = (
            spans.child(prepared, sending.key, number, started_at, ended_at)
            + attribute(names.SAGA_STEP, sending.key)
            + attribute(names.SAGA_ATTEMPT, number)
            + text(names.SAGA_IDEMPOTENCY_KEY, idempotency_key(spans.saga_id, sending.key))
        )
        if sending.best_effort:
            span += attribute(names.SAGA_BEST_EFFORT, value=True)
        command = sending.compensates
        if command is not None:
            span += attribute(names.SAGA_COMPENSATES, command.key)
            if command.seen:  # a command may have been intended and never sent
                span += link(spans.trace, spans.span_id(command.key, command.seen))
        return span
