"""Projects one saga's journal onto spans: a fold of its entries alone.

Because only entries go in, the same spans, with the same ids and the same content, come out of every process that
projects the same journal. So a saga that is recovered is projected again from its first entry: spans that had not
left the old process when it died are not lost, and the others are recognised by their ids.

::

    SagaStarted ──▶ "saga started"                        (zero length)
    an attempt's end ──▶ CLIENT span of the attempt       (a compensation's links to its command's)
    SagaRecovered ──▶ CLIENT spans of the interrupted attempts
    SagaSuspended ──▶ "saga suspended"                    (zero length)
    WaitEnded ──▶ a span from the beginning of the wait   (a parked saga has left this process until then)
    SagaCompleted, SagaCompensated ──▶ the root of all of them

Invariant: every attempt that a participant can have seen has exactly one span, so the participant's span has a parent.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from orchestrator.journal import entries as e
from orchestrator.journal.keys import compensation_key, unscoped
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status, StepOutcome
from orchestrator.journal.trace_ids import STARTED
from orchestrator.observability import names
from orchestrator.observability.traces import root_events
from orchestrator.observability.traces.attempt_spans import AttemptSpans, Sending
from orchestrator.observability.traces.root_events import about_reason
from orchestrator.observability.traces.spans import SagaSpans, error, event, prepare_wait, told
from orchestrator.observability.traces.wire import Value, attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Failure

NOWHERE: Final[Mapping[str, str]] = MappingProxyType({})
"""No participant has an address."""

E = TypeVar("E")

_SUSPENDED: Final = "suspended"  # the key of that span, which no command can have: theirs hold a dot
_ROLLED_BACK: Final = "rolled back"  # likewise


class SagaTrace:
    """The trace of one saga, as far as its journal has been projected. Small: it keeps no request and no reply.

    Args:
        saga_id: the saga.
        start: its first entry.
        addresses: ``host:port`` of the participants, by the full names of their services.

    Attributes:
        projected: how many entries were projected.
        resting: nothing follows in this process: the saga has ended, is suspended or is parked.
    """

    __slots__ = (
        "_attempts",
        "_events",
        "_has_root",
        "_reason",
        "_recovered",
        "_sendings",
        "_spans",
        "_start",
        "_suspensions",
        "_waits",
        "projected",
        "resting",
    )

    def __init__(self, saga_id: str, start: e.SagaStarted, addresses: Mapping[str, str] = NOWHERE) -> None:
        self.projected = 0
        self.resting = False
        self._spans = SagaSpans(saga_id, start.definition, start.traceparent)
        self._attempts = AttemptSpans(self._spans, addresses)
        self._start = start._replace(input=b"")
        self._sendings: dict[str, Sending] = {}
        self._events: list[Span.Event] = []
        self._reason: Reason | None = None
        self._recovered = False
        self._has_root = False
        self._suspensions = 0
        self._waits: dict[str, e.WaitBegan] = {}

    def project(self, entry: Entry) -> Sequence[bytes]:
        """The spans to which the next entry leads, serialized."""
        self.projected += 1
        return self._PROJECTIONS[type(entry)](self, entry)

    def _started(self, entry: e.SagaStarted) -> Sequence[bytes]:
        return (self._spans.mark(names.STARTED_SPAN, STARTED, entry.at) + attributes(self._about_saga()),)

    def _intended(self, entry: e.CommandIntended) -> Sequence[bytes]:
        self._sendings[entry.key] = Sending(
            entry.key, entry.method, entry.effect, entry.at, best_effort=entry.best_effort
        )
        return ()

    def _command_queued(self, entry: e.CommandQueued) -> Sequence[bytes]:
        self._sendings[entry.key].in_queue = entry
        self._events.append(root_events.command_queued(entry))
        return ()

    def _attempt_failed(self, entry: e.AttemptFailed) -> Sequence[bytes]:
        sending = self._sendings[entry.key]
        if entry.attempt <= sending.seen:  # a queue held it, and the end of its process was taken for its own
            sending.counted, sending.since = entry.attempt, entry.at
            return ()
        return (self._attempts.ended(sending, entry, StepOutcome.UNKNOWN, entry.failure),)

    def _completed(self, entry: e.CommandCompleted) -> Sequence[bytes]:
        return self._settled(entry.key, entry, StepOutcome.COMPLETED, None)

    def _refused(self, entry: e.CommandRefused) -> Sequence[bytes]:
        return self._settled(entry.key, entry, StepOutcome.REJECTED, entry.failure)

    def _abandoned(self, entry: e.CommandAbandoned) -> Sequence[bytes]:
        return self._settled(entry.key, entry, StepOutcome.UNKNOWN, entry.failure)

    def _rollback_began(self, entry: e.RollbackBegan) -> Sequence[bytes]:
        self._reason = entry.reason
        self._events.append(root_events.rollback_began(entry))
        held = ((each, each.in_queue) for each in self._sendings.values() if not each.settled)
        return [self._attempts.left(each, queued, entry.at) for each, queued in held if queued is not None]

    def _compensation_began(self, entry: e.CompensationBegan) -> Sequence[bytes]:
        key = compensation_key(entry.key)
        self._sendings[key] = Sending(key, entry.method, None, entry.at, compensates=self._sendings[entry.key])
        return ()

    def _compensation_completed(self, entry: e.CompensationCompleted) -> Sequence[bytes]:
        return self._settled(compensation_key(entry.key), entry, StepOutcome.COMPLETED, None)

    def _compensation_rejected(self, entry: e.CompensationRejected) -> Sequence[bytes]:
        sending = self._sendings[compensation_key(entry.key)]
        return (self._attempts.ended(sending, entry, StepOutcome.REJECTED, entry.failure),)

    def _saga_recovered(self, entry: e.SagaRecovered) -> Sequence[bytes]:
        """Attempts may have been in flight when the earlier process ended, and their participants may have seen them.

        No attempt was in flight where the saga was suspended; and none of a command, once the rollback began: the
        suspension and the rollback are journalled only after every answer has arrived.
        """
        was_suspended, self.resting = self.resting, False
        self._recovered = True
        self._events.append(root_events.recovered(entry))
        spans = []
        for sending in self._sendings.values():
            if sending.settled or sending.in_queue:
                continue
            sending.counted += 1
            going = self._reason is None or sending.compensates is not None
            if going and not was_suspended:
                spans.append(self._attempts.interrupted(sending, entry.at))
            sending.since = entry.at
        return spans

    def _saga_suspended(self, entry: e.SagaSuspended) -> Sequence[bytes]:
        self.resting = True
        self._suspensions += 1
        self._events.append(root_events.suspended(entry))
        span = self._spans.mark(names.SUSPENDED_SPAN, _SUSPENDED, entry.at, self._suspensions)
        about = {**self._about_saga(), **about_reason(entry.reason), **self._failed_command(entry.reason)}
        return (span + attributes(about) + error(entry.reason.code, entry.reason.message),)

    def _saga_completed(self, entry: e.SagaCompleted) -> Sequence[bytes]:
        return (self._root(entry.at, Status.COMPLETED),)

    def _saga_compensated(self, entry: e.SagaCompensated | e.SagaPartiallyCompensated) -> Sequence[bytes]:
        """The root is an ERROR, because the caller did not get the result; unless the caller cancelled the saga."""
        partially = isinstance(entry, e.SagaPartiallyCompensated)
        status = Status.PARTIALLY_COMPENSATED if partially else Status.COMPENSATED
        span = self._root(entry.at, status)
        reason = self._reason
        if reason is not None:
            span += attributes({**about_reason(reason), **self._failed_command(reason)})
        if partially:
            span += error(status.name, "an operator let effects stand")
        elif reason is not None and reason.code != ReasonCode.CANCELLED:
            span += error(reason.code, reason.message)
        return (span,)

    def _failed_command(self, reason: Reason) -> dict[str, Value]:
        """The rpc that gave rise to something: a command or, where that was refused, its compensation."""
        key = reason.step_key
        sending = self._sendings.get(compensation_key(key) if reason.code == ReasonCode.COMPENSATION_REJECTED else key)
        return {} if sending is None else {names.SAGA_FAILED_COMMAND: names.rpc_method(sending.method)}

    def _wait_began(self, entry: e.WaitBegan) -> Sequence[bytes]:
        self._waits[entry.key] = entry
        return ()

    def _wait_ended(self, entry: e.WaitEnded) -> Sequence[bytes]:
        began = self._waits.pop(entry.key)
        prepared = prepare_wait(unscoped(entry.key), entry.how.lower())
        about: dict[str, Value] = {names.SAGA_STEP: entry.key}
        if began.signal:
            about[names.SAGA_SIGNAL] = began.signal
        return (self._spans.child(prepared, entry.key, 0, began.at, entry.at) + attributes(about),)

    def _root(self, ended_at: int, status: Status) -> bytes:
        """The saga's own span; of a completed child that is rolled back with its parent, a mark beside it."""
        self.resting = True
        about = {**self._about_saga(), names.SAGA_STATUS: status.name.lower()}
        if self._recovered:
            about[names.SAGA_RECOVERED] = True
        if self._has_root:
            return self._spans.mark(names.ROLLED_BACK_SPAN, _ROLLED_BACK, ended_at) + attributes(about)
        self._has_root = True
        return self._spans.root(self._start.at, ended_at) + attributes(about) + told(self._events)

    def _settled(
        self,
        key: str,
        entry: e.CommandCompleted | e.CommandRefused | e.CommandAbandoned | e.CompensationCompleted,
        outcome: StepOutcome,
        failure: Failure | None,
    ) -> Sequence[bytes]:
        """The outcome is known by an attempt's answer; where that attempt has its span already, by a verify query."""
        sending = self._sendings[key]
        sending.settled = True
        if entry.attempt > sending.seen:
            return (self._attempts.ended(sending, entry, outcome, failure),)
        about: dict[str, Value] = {names.SAGA_STEP: sending.key, names.SAGA_OUTCOME: outcome.value}
        self._events.append(event(names.SETTLED_EVENT, entry.at, about))
        return ()

    def _about_saga(self) -> dict[str, Value]:
        start = self._start
        return {
            names.SAGA_VERSION: start.version,
            **{names.SAGA_ATTRIBUTE + name: value for name, value in start.attributes},
        }

    def _untold(self, _entry: e.ActProposed | e.ValueRecorded | e.EventsHandedOn) -> Sequence[bytes]:
        """Nothing was done, or other entries tell it."""
        return ()

    @staticmethod
    def _telling(
        event_of: Callable[[E], Span.Event], *, resting: bool | None = None
    ) -> Callable[[SagaTrace, E], Sequence[bytes]]:
        """The method for entries of which an event is told, and that may say whether the saga rests from then on."""

        def tell(self: SagaTrace, entry: E) -> Sequence[bytes]:
            self._events.append(event_of(entry))
            if resting is not None:
                self.resting = resting
            return ()

        return tell

    _PROJECTIONS: ClassVar[Mapping[type[Any], Callable[[SagaTrace, Any], Sequence[bytes]]]] = {
        e.SagaStarted: _started,
        e.CommandIntended: _intended,
        e.CommandQueued: _command_queued,
        e.AttemptFailed: _attempt_failed,
        e.CommandCompleted: _completed,
        e.CommandRefused: _refused,
        e.CommandAbandoned: _abandoned,
        e.RollbackBegan: _rollback_began,
        e.CompensationBegan: _compensation_began,
        e.CompensationCompleted: _compensation_completed,
        e.CompensationRejected: _compensation_rejected,
        e.SagaRecovered: _saga_recovered,
        e.SagaCompleted: _saga_completed,
        e.SagaCompensated: _saga_compensated,
        e.SagaPartiallyCompensated: _saga_compensated,
        e.SagaSuspended: _saga_suspended,
        e.SagaResumed: _telling(root_events.resumed, resting=False),
        e.OutcomeResolved: _telling(root_events.acted),
        e.CompensationSkipped: _telling(root_events.acted),
        e.CompensationResolved: _telling(root_events.acted),
        e.RetryRequested: _telling(root_events.acted),
        e.ActProposed: _untold,
        e.EventPublished: _telling(root_events.published),
        e.EventsHandedOn: _untold,
        e.DeadlinePassed: _telling(root_events.deadline_passed),
        e.ValueRecorded: _untold,
        e.WaitBegan: _wait_began,
        e.SignalReceived: _telling(root_events.signal_received),
        e.WaitEnded: _wait_ended,
        e.SagaParked: _telling(root_events.parked, resting=True),
        e.SagaWoken: _telling(root_events.woken, resting=False),
        e.SagaQueued: _telling(root_events.queued, resting=True),
        e.SagaAdmitted: _telling(root_events.admitted, resting=False),
    }
