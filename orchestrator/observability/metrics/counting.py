"""The observer that counts: what is durable is added up at once, where it happens, in a fraction of a microsecond.

It counts what this process has made durable, and nothing else: of a saga that it recovers, the earlier process has
counted the rest. Invariant: an attempt is counted once. What a verify query has found out settles a command by an
attempt that has been counted as failed, or that an earlier process made: it began before, and is not counted again.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from orchestrator.contract.addresses import split_address
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal import entries as e
from orchestrator.journal.keys import compensation_key
from orchestrator.journal.logged import about_saga
from orchestrator.journal.state import Status, StepOutcome
from orchestrator.journal.waits import WaitEnd
from orchestrator.observability import names
from orchestrator.observability.metrics.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState
    from orchestrator.observability.metrics.tallies import Attributes, Distribution

_log = logging.getLogger(__name__)

_MOST_REMEMBERED: Final = 10_000
_OF_ALL: Final = ""  # no command has this key


class CountingObserver:
    """Counts what becomes durable; see :mod:`~orchestrator.observability.metrics.instruments` for what there is.

    Args:
        addresses: ``host:port`` of the participants, by the full names of their services.

    Attributes:
        tallies: what it has counted.
    """

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.tallies = Tallies(time.time_ns())
        self._addresses = addresses
        self._answered: dict[str, Distribution] = {}
        self._attempts: dict[tuple[str, StatusCode, StepOutcome], Distribution] = {}
        self._commit_seconds = self.tallies.distribution(names.COMMIT_DURATION)
        self._commit_sizes = self.tallies.distribution(names.COMMIT_SIZE)
        self._has_failed = False
        # Of sagas that had trouble: by key, when the next attempt can begin at the earliest.
        self._not_before: dict[str, dict[str, int]] = {}

    def expect(self, definitions: Sequence[str]) -> None:
        """Show the series of these definitions from now on, so that the first saga of each is seen as a change."""
        for definition in definitions:
            self.tallies.count(names.SAGAS_STARTED, ((names.SAGA_DEFINITION, definition),), 0)
            for status in (Status.COMPLETED, Status.COMPENSATED, Status.PARTIALLY_COMPENSATED):
                self.tallies.count(names.SAGAS_ENDED, _by_status(definition, status), 0)

    def journalled(self, state: SagaState, entries: Sequence[Entry]) -> None:
        """These entries of a saga are durable. The state may be ahead of them."""
        try:
            for entry in entries:
                if (count := self._COUNTS[type(entry)]) is not None:
                    count(self, state, entry)
        except Exception:  # noqa: BLE001 - a wrong figure is better than a broken saga
            if not self._has_failed:
                _log.exception("saga %s: figures about it are missing", state.saga_id, extra=about_saga(state))
            self._has_failed = True

    def committed(self, writes: int, seconds: float) -> None:
        """So many writes have shared a commit of the journal, which took so long."""
        self._commit_sizes.add(writes)
        self._commit_seconds.add(seconds)

    def _started(self, state: SagaState, _entry: e.SagaStarted) -> None:
        self.tallies.count(names.SAGAS_STARTED, ((names.SAGA_DEFINITION, state.definition),))
        if state.queued is None:  # one that is queued is claimed in its turn
            self._claimed(state, "started")

    def _recovered(self, state: SagaState, entry: e.SagaRecovered) -> None:
        self._claimed(state, "recovered")
        self._remember(state.saga_id, _OF_ALL, entry.at)

    def _woken(self, state: SagaState, _entry: e.SagaWoken) -> None:
        self._claimed(state, "woken")

    def _admitted(self, state: SagaState, _entry: e.SagaAdmitted) -> None:
        self._claimed(state, "admitted")

    def _claimed(self, state: SagaState, reason: str) -> None:
        self.tallies.count(names.CLAIMS, ((names.SAGA_DEFINITION, state.definition), (names.CLAIM_REASON, reason)))

    def _completed(self, state: SagaState, entry: e.CommandCompleted) -> None:
        """By far the most frequent: written for speed."""
        if self._not_before and not self._is_ours(state.saga_id, entry.key, entry.started_at):
            return
        method = state.commands[entry.key].method
        answered = self._answered.get(method)
        if answered is None:
            answered = self._answered[method] = self._attempts_of(method, StatusCode.OK, StepOutcome.COMPLETED)
        answered.add_span(entry.started_at, entry.at)
        if entry.attempt > 1:
            self._retried(method)

    def _refused(self, state: SagaState, entry: e.CommandRefused) -> None:
        if entry.attempt and self._is_ours(state.saga_id, entry.key, entry.started_at):
            self._attempt(state.commands[entry.key].method, entry, entry.failure.code, StepOutcome.REJECTED)

    def _abandoned(self, state: SagaState, entry: e.CommandAbandoned) -> None:
        if self._is_ours(state.saga_id, entry.key, entry.started_at):
            self._attempt(state.commands[entry.key].method, entry, entry.failure.code, StepOutcome.UNKNOWN)

    def _attempt_failed(self, state: SagaState, entry: e.AttemptFailed) -> None:
        command = state.commands.get(entry.key)
        method = command.method if command is not None else state.compensation(entry.key.partition(":")[2]).method
        self._attempt(method, entry, entry.failure.code, StepOutcome.UNKNOWN)
        self._remember(state.saga_id, entry.key, entry.at)

    def _compensation_completed(self, state: SagaState, entry: e.CompensationCompleted) -> None:
        method = state.compensation(entry.key).method
        self._compensation(method, StepOutcome.COMPLETED)
        if self._is_ours(state.saga_id, compensation_key(entry.key), entry.started_at):
            self._attempt(method, entry, StatusCode.OK, StepOutcome.COMPLETED)

    def _compensation_rejected(self, state: SagaState, entry: e.CompensationRejected) -> None:
        method = state.compensation(entry.key).method
        self._compensation(method, StepOutcome.REJECTED)
        self._attempt(method, entry, entry.failure.code, StepOutcome.REJECTED)

    def _compensation(self, method: str, outcome: StepOutcome) -> None:
        about = (names.RPC_METHOD, names.rpc_method(method)), (names.SAGA_OUTCOME, outcome.value)
        self.tallies.count(names.COMPENSATIONS, about)

    def _rollback_began(self, state: SagaState, entry: e.RollbackBegan) -> None:
        about = (names.SAGA_DEFINITION, state.definition), (names.SAGA_REASON, entry.reason.code.value)
        self.tallies.count(names.SAGAS_ROLLED_BACK, about)

    def _suspended(self, state: SagaState, entry: e.SagaSuspended) -> None:
        about = (names.SAGA_DEFINITION, state.definition), (names.SAGA_REASON, entry.reason.code.value)
        self.tallies.count(names.SAGAS_SUSPENDED, about)

    def _ended(self, state: SagaState, entry: e.SagaCompleted | e.SagaCompensated | e.SagaPartiallyCompensated) -> None:
        """A completed child that is rolled back with its parent ends once more."""
        about = _by_status(state.definition, _STATUSES[type(entry)])
        self.tallies.count(names.SAGAS_ENDED, about)
        self.tallies.distribution(names.SAGA_DURATION, about).add_span(state.started_at, entry.at)
        self._not_before.pop(state.saga_id, None)

    def _wait_ended(self, state: SagaState, entry: e.WaitEnded) -> None:
        wait = state.waits[entry.key]
        about = ((names.SAGA_DEFINITION, state.definition),)
        if entry.how is WaitEnd.DUE:
            self.tallies.distribution(names.TIMER_LAG, about).add_span(wait.due_at, entry.at)
        elif entry.how is WaitEnd.SIGNAL:
            began_at = max(wait.began_at, state.signals[entry.request_id].received_at)
            self.tallies.distribution(names.SIGNAL_LAG, about).add_span(began_at, entry.at)

    def _attempt(
        self,
        method: str,
        entry: e.CommandCompleted
        | e.CommandRefused
        | e.CommandAbandoned
        | e.AttemptFailed
        | e.CompensationCompleted
        | e.CompensationRejected,
        code: StatusCode,
        outcome: StepOutcome,
    ) -> None:
        """One more attempt, which ended so."""
        self._attempts_of(method, code, outcome).add_span(entry.started_at, entry.at)
        if entry.attempt > 1:
            self._retried(method)

    def _attempts_of(self, method: str, code: StatusCode, outcome: StepOutcome) -> Distribution:
        attempts = self._attempts.get((method, code, outcome))
        if attempts is None:
            attempts = self.tallies.distribution(names.COMMAND_DURATION, self._of_call(method, code, outcome))
            self._attempts[method, code, outcome] = attempts
        return attempts

    def _retried(self, method: str) -> None:
        self.tallies.count(names.COMMAND_RETRIES, ((names.RPC_METHOD, names.rpc_method(method)),))

    def _of_call(self, method: str, code: StatusCode, outcome: StepOutcome) -> Attributes:
        about: dict[str, str | int] = {
            names.RPC_SYSTEM: names.GRPC,
            names.RPC_METHOD: names.rpc_method(method),
            names.RPC_STATUS: code.value,
            names.SAGA_OUTCOME: outcome.value,
        }
        if outcome is not StepOutcome.COMPLETED:
            about[names.ERROR_TYPE] = code.value
        host, port = split_address(self._addresses.get(method.rpartition(".")[0], ""))
        if host:
            about[names.SERVER_ADDRESS] = host
        if port.isdecimal():
            about[names.SERVER_PORT] = int(port)
        return tuple(about.items())

    def _is_ours(self, saga_id: str, key: str, started_at: int) -> bool:
        """Whether an attempt is a new one of this process."""
        not_before = self._not_before.get(saga_id)
        return not_before is None or started_at >= max(not_before.get(_OF_ALL, 0), not_before.get(key, 0))

    def _remember(self, saga_id: str, key: str, at: int) -> None:
        self._not_before.setdefault(saga_id, {})[key] = at
        if len(self._not_before) > _MOST_REMEMBERED:  # sagas that rest, or are another replica's by now
            del self._not_before[next(iter(self._not_before))]

    # ``None`` where nothing is counted, because what follows such an entry tells more.
    _COUNTS: ClassVar[Mapping[type[Any], Callable[[CountingObserver, SagaState, Any], None] | None]] = {
        e.SagaStarted: _started,
        e.SagaRecovered: _recovered,
        e.SagaWoken: _woken,
        e.SagaAdmitted: _admitted,
        e.CommandCompleted: _completed,
        e.CommandRefused: _refused,
        e.CommandAbandoned: _abandoned,
        e.AttemptFailed: _attempt_failed,
        e.CompensationCompleted: _compensation_completed,
        e.CompensationRejected: _compensation_rejected,
        e.RollbackBegan: _rollback_began,
        e.SagaSuspended: _suspended,
        e.SagaCompleted: _ended,
        e.SagaCompensated: _ended,
        e.SagaPartiallyCompensated: _ended,
        e.WaitEnded: _wait_ended,
        e.CommandQueued: None,
        e.CommandIntended: None,
        e.CompensationBegan: None,
        e.ValueRecorded: None,
        e.WaitBegan: None,
        e.SignalReceived: None,
        e.EventPublished: None,
        e.EventsHandedOn: None,
        e.SagaParked: None,
        e.SagaQueued: None,
        e.SagaResumed: None,
        e.RetryRequested: None,
        e.ActProposed: None,
        e.OutcomeResolved: None,
        e.CompensationSkipped: None,
        e.CompensationResolved: None,
        e.DeadlinePassed: None,
    }


_STATUSES: Final = {
    e.SagaCompleted: Status.COMPLETED,
    e.SagaCompensated: Status.COMPENSATED,
    e.SagaPartiallyCompensated: Status.PARTIALLY_COMPENSATED,
}


def _by_status(definition: str, status: Status) -> Attributes:
    return (names.SAGA_DEFINITION, definition), (names.SAGA_STATUS, status.name.lower())
