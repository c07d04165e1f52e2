"""The projection of one saga's journal onto spans: a fold of its entries, and of nothing else.

Because only entries go in, the same spans, with the same ids and the same content, come out of every process that
projects the same journal. So a saga that is recovered is projected again from its first entry: spans that had not
left the old process when it died are not lost, and the others are recognised by their ids.

::

    SagaStarted ──▶ "saga started"                        (zero length)
    an attempt's end ──▶ CLIENT span of the attempt       (a compensation's links to its command's)
    SagaRecovered ──▶ CLIENT spans of what was interrupted
    SagaSuspended ──▶ "saga suspended"                    (zero length)
    SagaCompleted, SagaCompensated ──▶ the root of them all

Invariant: every attempt that a participant can have seen has exactly one span, so its own span finds a parent.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import grpc

from orchestrator.journal import entries as e
from orchestrator.journal.keys import compensation_key, idempotency_key
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status, StepOutcome
from orchestrator.journal.trace_ids import STARTED
from orchestrator.observability import names
from orchestrator.observability.spans import SagaSpans, error, event, link, prepare_attempt, told
from orchestrator.observability.wire import Value, attribute, attributes, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from orchestrator.contract.command import Effect
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Failure

NOWHERE: Final[Mapping[str, str]] = MappingProxyType({})
"""No participant has an address."""

_STATUS_NUMBERS: Final[dict[str, int]] = {code.name: code.value[0] for code in grpc.StatusCode}
_SUSPENDED: Final = "suspended"  # the key of that span, which no command can have: theirs hold a dot
_ROLLED_BACK: Final = "rolled back"  # likewise
_INTERRUPTED: Final = "the orchestrator stopped before an answer came"


class _Sending:
    """What is sent under one key: a command, or the compensation of one.

    Attributes:
        effect: what the contract says of a command; ``None`` for a compensation.
        counted: how many attempts the journal counts.
        seen: the number of the latest attempt that has a span; 0 before the first.
        since: the latest instant before which none of its current attempts began.
        settled: no attempt follows.
        compensates: the command that it compensates, if it is a compensation.
    """

    __slots__ = ("best_effort", "compensates", "counted", "effect", "key", "method", "seen", "settled", "since")

    def __init__(
        self,
        key: str,
        method: str,
        effect: Effect | None,
        since: int,
        *,
        best_effort: bool = False,
        compensates: _Sending | None = None,
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


class SagaTrace:
    """The trace of one saga, as far as its journal has been projected. Small: it keeps no request and no reply.

    Args:
        saga_id: the saga.
        start: its first entry.
        addresses: ``host:port`` of the participants, by the full names of their services.

    Attributes:
        projected: how many entries were.
        resting: nothing follows in this process: the saga has ended or is suspended.
    """

    __slots__ = (
        "_addresses",
        "_events",
        "_has_root",
        "_place",
        "_reason",
        "_recovered",
        "_sendings",
        "_start",
        "_suspensions",
        "projected",
        "resting",
    )

    def __init__(self, saga_id: str, start: e.SagaStarted, addresses: Mapping[str, str] = NOWHERE) -> None:
        self.projected = 0
        self.resting = False
        self._addresses = addresses
        self._place = SagaSpans(saga_id, start.definition, start.traceparent)
        self._start = start._replace(input=b"")
        self._sendings: dict[str, _Sending] = {}
        self._events: list[Span.Event] = []
        self._reason: Reason | None = None
        self._recovered = False
        self._has_root = False
        self._suspensions = 0

    def project(self, entry: Entry) -> Sequence[bytes]:
        """The spans to which the next entry leads, serialized."""
        self.projected += 1
        return self._PROJECTIONS[type(entry)](self, entry)

    def _started(self, entry: e.SagaStarted) -> Sequence[bytes]:
        return (self._place.mark(names.STARTED_SPAN, STARTED, entry.at) + attributes(self._about_saga()),)

    def _intended(self, entry: e.CommandIntended) -> Sequence[bytes]:
        self._sendings[entry.key] = _Sending(
            entry.key, entry.method, entry.effect, entry.at, best_effort=entry.best_effort
        )
        return ()

    def _attempt_failed(self, entry: e.AttemptFailed) -> Sequence[bytes]:
        return self._attempted(self._sendings[entry.key], entry, StepOutcome.UNKNOWN, entry.failure)

    def _completed(self, entry: e.CommandCompleted) -> Sequence[bytes]:
        return self._settled(self._sendings[entry.key], entry, StepOutcome.COMPLETED, None)

    def _rejected(self, entry: e.CommandRefused) -> Sequence[bytes]:
        return self._settled(self._sendings[entry.key], entry, StepOutcome.REJECTED, entry.failure)

    def _abandoned(self, entry: e.CommandAbandoned) -> Sequence[bytes]:
        return self._settled(self._sendings[entry.key], entry, StepOutcome.UNKNOWN, entry.failure)

    def _rollback_began(self, entry: e.RollbackBegan) -> Sequence[bytes]:
        self._reason = entry.reason
        self._events.append(event(names.ROLLBACK_BEGAN_EVENT, entry.at, _about_reason(entry.reason)))
        return ()

    def _compensation_began(self, entry: e.CompensationBegan) -> Sequence[bytes]:
        key = compensation_key(entry.key)
        self._sendings[key] = _Sending(key, entry.method, None, entry.at, compensates=self._sendings[entry.key])
        return ()

    def _compensation_completed(self, entry: e.CompensationCompleted) -> Sequence[bytes]:
        sending = self._sendings[compensation_key(entry.key)]
        return self._settled(sending, entry, StepOutcome.COMPLETED, None)

    def _compensation_rejected(self, entry: e.CompensationRejected) -> Sequence[bytes]:
        sending = self._sendings[compensation_key(entry.key)]
        return self._attempted(sending, entry, StepOutcome.REJECTED, entry.failure)

    def _saga_recovered(self, entry: e.SagaRecovered) -> Sequence[bytes]:
        """Attempts may have been in flight when the earlier process ended, and their participants saw them.

        Not so where the saga was suspended, and not going forward once the rollback began: then every answer was
        awaited before the entry that says so was written.
        """
        was_suspended, self.resting = self.resting, False
        self._recovered = True
        self._events.append(event(names.RECOVERED_EVENT, entry.at, {names.SAGA_OWNER: entry.owner}))
        spans = []
        for sending in self._sendings.values():
            if sending.settled:
                continue
            sending.counted += 1
            going = self._reason is None or sending.compensates is not None
            if going and not was_suspended:
                spans.append(self._interrupted(sending, entry.at))
            sending.since = entry.at
        return spans

    def _saga_suspended(self, entry: e.SagaSuspended) -> Sequence[bytes]:
        self.resting = True
        self._suspensions += 1
        about = _about_reason(entry.reason)
        self._events.append(event(names.SUSPENDED_EVENT, entry.at, about))
        span = self._place.mark(names.SUSPENDED_SPAN, _SUSPENDED, entry.at, self._suspensions)
        about = {**self._about_saga(), **about}
        return (span + attributes(about) + error(entry.reason.code, entry.reason.message),)

    def _saga_completed(self, entry: e.SagaCompleted) -> Sequence[bytes]:
        return (self._root(entry.at, Status.COMPLETED),)

    def _saga_compensated(self, entry: e.SagaCompensated) -> Sequence[bytes]:
        """The root says ERROR: what the caller asked for did not come about. Unless the caller asked for that too."""
        span = self._root(entry.at, Status.COMPENSATED)
        reason = self._reason
        if reason is not None:
            span += attributes(_about_reason(reason))
            if reason.code != ReasonCode.CANCELLED:
                span += error(reason.code, reason.message)
        return (span,)

    def _saga_partially_compensated(self, entry: e.SagaPartiallyCompensated) -> Sequence[bytes]:
        root = self._root(entry.at, Status.PARTIALLY_COMPENSATED)
        return (root + error(Status.PARTIALLY_COMPENSATED.name, "an operator let effects stand"),)

    def _saga_resumed(self, entry: e.SagaResumed) -> Sequence[bytes]:
        self.resting = False
        self._events.append(event(names.RESUMED_EVENT, entry.at, _about_reason(entry.reason)))
        return ()

    def _acted(
        self, entry: e.OutcomeResolved | e.CompensationSkipped | e.CompensationResolved | e.RetryRequested
    ) -> Sequence[bytes]:
        about = {**_about_reason(entry.reason), names.SAGA_REQUESTED_BY: entry.reason.requested_by}
        self._events.append(event(names.OPERATOR_ACTED_EVENT, entry.at, about))
        return ()

    def _deadline_passed(self, entry: e.DeadlinePassed) -> Sequence[bytes]:
        self._events.append(event(names.DEADLINE_PASSED_EVENT, entry.at, {}))
        return ()

    def _value_recorded(self, _entry: e.ValueRecorded) -> Sequence[bytes]:
        return ()

    def _root(self, ended_at: int, status: Status) -> bytes:
        """The saga's own span; of a completed child that is rolled back with its parent, a mark beside it."""
        self.resting = True
        about = {**self._about_saga(), names.SAGA_STATUS: status.name.lower()}
        if self._recovered:
            about[names.SAGA_RECOVERED] = True
        if self._has_root:
            return self._place.mark(names.ROLLED_BACK_SPAN, _ROLLED_BACK, ended_at) + attributes(about)
        self._has_root = True
        return self._place.root(self._start.at, ended_at) + attributes(about) + told(self._events)

    def _settled(
        self,
        sending: _Sending,
        entry: e.CommandCompleted | e.CommandRefused | e.CommandAbandoned | e.CompensationCompleted,
        outcome: StepOutcome,
        failure: Failure | None,
    ) -> Sequence[bytes]:
        """The outcome is known, by an attempt's answer or, that attempt having its span already, by a verify."""
        sending.settled = True
        if entry.attempt > sending.seen:
            return self._attempted(sending, entry, outcome, failure)
        about: dict[str, Value] = {names.SAGA_STEP: sending.key, names.SAGA_OUTCOME: outcome.value}
        self._events.append(event(names.SETTLED_EVENT, entry.at, about))
        return ()

    def _attempted(
        self,
        sending: _Sending,
        entry: e.AttemptFailed
        | e.CommandCompleted
        | e.CommandRefused
        | e.CommandAbandoned
        | e.CompensationCompleted
        | e.CompensationRejected,
        outcome: StepOutcome,
        failure: Failure | None,
    ) -> Sequence[bytes]:
        span = self._attempt(sending, entry.attempt, entry.started_at, entry.at, outcome)
        if failure is not None:
            span += error(failure.code, str(failure))
            if (number := _STATUS_NUMBERS.get(failure.code)) is not None:
                span += attribute(names.RPC_STATUS, number)
        sending.counted = entry.attempt
        sending.since = entry.at
        return (span,)

    def _interrupted(self, sending: _Sending, at: int) -> bytes:
        """The attempt that was, as far as the journal can tell, in flight when the process ended."""
        span = self._attempt(sending, sending.counted, sending.since, at, StepOutcome.UNKNOWN)
        return span + attribute(names.SAGA_INTERRUPTED, value=True) + error(names.INTERRUPTED, _INTERRUPTED)

    def _attempt(self, sending: _Sending, number: int, started_at: int, ended_at: int, outcome: StepOutcome) -> bytes:
        place = self._place
        sending.seen = number
        address = self._addresses.get(sending.method.rpartition(".")[0], "")
        prepared = prepare_attempt(sending.method, sending.effect, outcome, address)
        span = (
            place.child(prepared, sending.key, number, started_at, ended_at)
            + attribute(names.SAGA_STEP, sending.key)
            + attribute(names.SAGA_ATTEMPT, number)
            + text(names.SAGA_IDEMPOTENCY_KEY, idempotency_key(place.saga_id, sending.key))
        )
        if sending.best_effort:
            span += attribute(names.SAGA_BEST_EFFORT, value=True)
        command = sending.compensates
        if command is not None:
            span += attribute(names.SAGA_COMPENSATES, command.key)
            if command.seen:  # it may have been intended and never sent
                span += link(place.trace, place.span_id(command.key, command.seen))
        return span

    def _about_saga(self) -> dict[str, Value]:
        start = self._start
        return {
            names.SAGA_VERSION: start.version,
            **{names.SAGA_ATTRIBUTE + name: value for name, value in start.attributes},
        }

    _PROJECTIONS: ClassVar[dict[type[Any], Callable[[SagaTrace, Any], Sequence[bytes]]]] = {
        e.SagaStarted: _started,
        e.CommandIntended: _intended,
        e.AttemptFailed: _attempt_failed,
        e.CommandCompleted: _completed,
        e.CommandRefused: _rejected,
        e.CommandAbandoned: _abandoned,
        e.RollbackBegan: _rollback_began,
        e.CompensationBegan: _compensation_began,
        e.CompensationCompleted: _compensation_completed,
        e.CompensationRejected: _compensation_rejected,
        e.SagaRecovered: _saga_recovered,
        e.SagaCompleted: _saga_completed,
        e.SagaCompensated: _saga_compensated,
        e.SagaSuspended: _saga_suspended,
        e.SagaResumed: _saga_resumed,
        e.OutcomeResolved: _acted,
        e.CompensationSkipped: _acted,
        e.CompensationResolved: _acted,
        e.SagaPartiallyCompensated: _saga_partially_compensated,
        e.RetryRequested: _acted,
        e.DeadlinePassed: _deadline_passed,
        e.ValueRecorded: _value_recorded,
    }


def _about_reason(reason: Reason) -> dict[str, Value]:
    about: dict[str, Value] = {names.SAGA_REASON: reason.code, names.SAGA_REASON_MESSAGE: reason.message}
    return {**about, names.SAGA_STEP: reason.step_key} if reason.step_key else about
