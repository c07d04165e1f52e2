"""Compares what the entries of a saga say with what its participants have done, when an entry becomes durable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from orchestrator.contract.command import Effect
from orchestrator.engine.run.commands.command_execution import NOT_SENT
from orchestrator.journal import entries as e
from orchestrator.journal.keys import compensation_key
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.testing.simulation.observed_saga import is_child
from orchestrator.testing.simulation.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState
    from orchestrator.testing.simulation.effect_check import EffectCheck
    from orchestrator.testing.simulation.observed_saga import ObservedSaga
    from orchestrator.testing.simulation.sending_check import SendingCheck
    from orchestrator.testing.simulation.wait_check import WaitCheck


class EntryCheck:
    """What the entries of one world say.

    Args:
        sagas: what is durable, by saga.
        effects: what the participants have done.
        sendings: what the replicas have sent.
        waits: holds the ends of waits to their promise.
        paused: the sagas that an operator has asked to pause.
        refused: the idempotency keys that a participant has refused.
        report: told of every promise that was broken.
    """

    def __init__(
        self,
        sagas: Mapping[str, ObservedSaga],
        effects: EffectCheck,
        sendings: SendingCheck,
        waits: WaitCheck,
        paused: AbstractSet[str],
        refused: AbstractSet[str],
        report: Callable[[Promise, str], None],
    ) -> None:
        self._sagas = sagas
        self._effects = effects
        self._sendings = sendings
        self._waits = waits
        self._paused = paused
        self._refused = refused
        self._report = report

    def check(self, state: SagaState, entry: Entry) -> None:
        """Is what the entry says true, and may it be said now? The state is that before it."""
        check = self._CHECKS[type(entry)]
        if check is not None:
            check(self, state, entry)

    def _check_intended(self, state: SagaState, entry: e.CommandIntended) -> None:
        if state.pivoted and entry.effect in {Effect.COMPENSABLE, Effect.PIVOT}:
            self._report(Promise.ONLY_FORWARDS, f"{state.saga_id}/{entry.key} is intended after the pivot")

    def _check_compensated(self, state: SagaState, entry: e.CompensationCompleted | e.CompensationResolved) -> None:
        if self._effects.balance(state, entry.key):
            name = f"{state.saga_id}/{entry.key}"
            self._report(Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, f"{name} is compensated, and stands")

    def _check_rollback(self, state: SagaState, _entry: e.RollbackBegan) -> None:
        for command in state.commands.values():
            if command.effect is Effect.PIVOT and (self._effects.applied(state, command.key) or state.pivoted):
                self._report(Promise.ONLY_FORWARDS, f"{state.saga_id} rolls back; {command.key} took effect")

    def _check_completed(self, state: SagaState, entry: e.CommandCompleted) -> None:
        command = state.commands[entry.key]
        if command.effect is Effect.QUERY or is_child(command) or self._effects.applied(state, entry.key):
            return
        name = f"{state.saga_id}/{entry.key}"
        self._report(Promise.UNKNOWN_IS_NOT_FAILED, f"{name} is completed, and never took effect")

    def _check_rejected(self, state: SagaState, entry: e.CommandRefused) -> None:
        key, command = f"{state.saga_id}/{entry.key}", state.commands[entry.key]
        if is_child(command):
            return
        if entry.failure.reason == NOT_SENT:
            if self._sendings.was_sent(key):
                self._report(Promise.UNKNOWN_IS_NOT_FAILED, f"{key} was sent, and is journalled as not sent")
        elif key not in self._refused:
            self._report(Promise.UNKNOWN_IS_NOT_FAILED, f"{key} is rejected, and nobody has refused it")
        # A retryable command that was refused may be accepted later, and is sent again once an operator says so.
        if command.effect is not Effect.RETRYABLE and self._effects.applied(state, command.key):
            self._report(Promise.UNKNOWN_IS_NOT_FAILED, f"{key} is rejected, and took effect")

    def _check_suspension(self, state: SagaState, entry: e.SagaSuspended) -> None:
        """A person is only asked for what a person must decide."""
        reason = entry.reason
        name = f"{state.saga_id}/{reason.step_key}"
        command = state.commands.get(reason.step_key)
        legal = {
            ReasonCode.UNKNOWN: command is not None,
            ReasonCode.PAUSED: state.saga_id in self._paused,
            ReasonCode.COMPENSATION_REJECTED: command is not None
            and (self._stands_in_part(name) or f"{state.saga_id}/{compensation_key(command.key)}" in self._refused),
            ReasonCode.REJECTED_AFTER_PIVOT: state.pivoted and name in self._refused,
        }
        if not legal.get(reason.code, False):
            self._report(
                self._promise_against(state, reason.code),
                f"{state.saga_id} is suspended for no good reason: {reason.code}: {reason.message}",
            )

    def _promise_against(self, state: SagaState, code: ReasonCode) -> Promise:
        """The promise that a saga breaks which is suspended for this reason."""
        if code is ReasonCode.DIVERGED:
            return Promise.REPLAY_IS_SILENT
        if any(each.effect is Effect.PIVOT and each.may_stand for each in state.commands.values()):
            return Promise.ONLY_FORWARDS
        return Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR if code is ReasonCode.EFFECT_STANDS else Promise.NOTHING_IS_LOST

    def _stands_in_part(self, name: str) -> bool:
        """The child saga of this name has ended, and an operator has let some of its effects stand."""
        child = self._sagas.get(name)
        return child is not None and child.state.status is Status.PARTIALLY_COMPENSATED

    def _check_wait_end(self, state: SagaState, entry: e.WaitEnded) -> None:
        self._waits.check_end(state, entry)

    def _check_signal(self, state: SagaState, entry: e.SignalReceived) -> None:
        self._waits.check_signal(state, entry)

    # ``None`` where nothing is checked, because the final check looks at what became of the saga.
    _CHECKS: ClassVar[Mapping[type[Any], Callable[[EntryCheck, SagaState, Any], None] | None]] = {
        e.CommandIntended: _check_intended,
        e.CommandCompleted: _check_completed,
        e.CommandRefused: _check_rejected,
        e.CompensationCompleted: _check_compensated,
        e.CompensationResolved: _check_compensated,
        e.RollbackBegan: _check_rollback,
        e.SagaSuspended: _check_suspension,
        e.WaitEnded: _check_wait_end,
        e.SignalReceived: _check_signal,
        e.SagaStarted: None,
        e.ValueRecorded: None,
        e.DeadlinePassed: None,
        e.SagaQueued: None,
        e.SagaAdmitted: None,
        e.SagaRecovered: None,
        e.SagaCompleted: None,
        e.SagaCompensated: None,
        e.SagaPartiallyCompensated: None,
        e.CommandQueued: None,
        e.AttemptFailed: None,
        e.CommandAbandoned: None,
        e.CompensationBegan: None,
        e.CompensationRejected: None,
        e.SagaResumed: None,
        e.RetryRequested: None,
        e.OutcomeResolved: None,
        e.CompensationSkipped: None,
        e.WaitBegan: None,
        e.SagaParked: None,
        e.SagaWoken: None,
        e.ActProposed: None,
        e.EventPublished: None,
        e.EventsHandedOn: None,
    }
