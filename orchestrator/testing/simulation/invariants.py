"""Compares what happens with the promises, while it happens.

It trusts neither the engine nor the journal under test: claims, answers and keys are noted here as they pass. What the
durable entries of a saga say is held against the ledger of what the participants really did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from orchestrator.contract.command import Effect
from orchestrator.engine.run.commands.command_execution import NOT_SENT
from orchestrator.journal.entries import (
    ActProposed,
    AttemptFailed,
    CommandAbandoned,
    CommandCompleted,
    CommandIntended,
    CommandQueued,
    CommandRefused,
    CompensationBegan,
    CompensationCompleted,
    CompensationRejected,
    CompensationResolved,
    CompensationSkipped,
    DeadlinePassed,
    EventPublished,
    EventsHandedOn,
    OutcomeResolved,
    RetryRequested,
    RollbackBegan,
    SagaAdmitted,
    SagaCompensated,
    SagaCompleted,
    SagaParked,
    SagaPartiallyCompensated,
    SagaQueued,
    SagaRecovered,
    SagaResumed,
    SagaStarted,
    SagaSuspended,
    SagaWoken,
    SignalReceived,
    ValueRecorded,
    WaitBegan,
    WaitEnded,
)
from orchestrator.journal.keys import compensation_key, related
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import SagaState, Status
from orchestrator.testing.mock import EffectLedger
from orchestrator.testing.simulation.event_check import EventCheck
from orchestrator.testing.simulation.lease_check import LeaseCheck
from orchestrator.testing.simulation.observed_saga import ObservedSaga, goes_on_without, is_child, started_after
from orchestrator.testing.simulation.promises import Broken, Promise
from orchestrator.testing.simulation.wait_check import WaitCheck

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.contract.command import Command
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.reason import Reason
    from orchestrator.journal.state import CommandState
    from orchestrator.ports.claims import Claim
    from orchestrator.ports.journal import Append
    from orchestrator.ports.schedules import Schedule
    from orchestrator.testing.mock import LedgerEntry


class Invariants:
    """Sees everything that concerns a promise.

    Args:
        on_broken: told of every promise that was broken.

    Attributes:
        sagas: what is durable, by saga.
        ledger: what the participants have done.
        paused: the sagas that an operator has asked to pause.
        replies: what the participants have answered to commands that took effect, whether it arrived or not.
        leases: holds claims to them.
    """

    def __init__(self, on_broken: Callable[[Broken], None]) -> None:
        self.sagas: dict[str, ObservedSaga] = {}
        self.ledger = EffectLedger(self._effect_changed)
        self.paused: set[str] = set()
        self.replies: dict[str, bytes] = {}
        self.leases = LeaseCheck(self.sagas, self.report)
        self._waits = WaitCheck(self.report)
        self.events = EventCheck(self.report)
        self._on_broken = on_broken
        self._sent: dict[str, tuple[str, bytes]] = {}
        self._places: dict[str, tuple[str, str]] = {}
        self._spans: set[str] = set()
        self._refused: set[str] = set()
        self._answered: set[tuple[str, str]] = set()

    def report(self, promise: Promise, how: str) -> None:
        """A promise is broken."""
        self._on_broken(Broken(promise, how))

    def sent(self, replica: str, command: Command, request: bytes, metadata: tuple[tuple[str, str], ...]) -> None:
        """A replica sends a command, compensation or query."""
        fields = dict(metadata)
        if command.effect is Effect.QUERY:
            return
        key, saga_id = fields["idempotency-key"], fields["saga-id"]
        if self._sent.setdefault(key, (command.name, request)) != (command.name, request):
            self.report(Promise.SAME_INTENT_SAME_KEY, f"{key} was sent with another method or request")
        self._places[key] = saga_id, key.removeprefix(f"{saga_id}/")
        known = self.sagas.get(saga_id)
        if known is None:
            self.report(Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, f"{key} was sent before its saga's start was durable")
        elif compensated := related("compensates", fields):
            self._compensation_sent(replica, known, compensated.removeprefix(f"{saga_id}/"))
        else:
            self._command_sent(replica, known, key.removeprefix(f"{saga_id}/"), (command.name, request))
        if span := fields.get("traceparent"):
            if span in self._spans:
                self.report(Promise.ONE_TRACE, f"two attempts of {key} share the span {span}")
            self._spans.add(span)

    def _command_sent(self, replica: str, known: ObservedSaga, key: str, content: tuple[str, bytes]) -> None:
        state = known.state
        command = state.commands.get(key)
        if command is None:
            other = next((c.key for c in state.commands.values() if (c.method, c.request) == content), "")
            promise = Promise.SAME_INTENT_SAME_KEY if other else Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR
            self.report(
                promise, f"{state.saga_id}/{key} was sent; what is intended is {other or 'nothing of the kind'}"
            )
        elif not known.is_advanced_by(replica):
            return  # it has lost its claim, and cannot know: its key keeps the participant from acting twice
        elif command.outcome is not None:
            self.report(Promise.REPLAY_IS_SILENT, f"{state.saga_id}/{key} was sent again; its outcome is durable")
        elif state.rollback:
            self.report(
                Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, f"{state.saga_id}/{key} was sent although the rollback began"
            )

    def _compensation_sent(self, replica: str, known: ObservedSaga, key: str) -> None:
        state = known.state
        if not state.rollback and not goes_on_without(state, key):
            self.report(Promise.NOTHING_IS_LOST, f"{state.saga_id}/{key} is compensated before the rollback is durable")
        if not known.is_advanced_by(replica):
            return
        compensation = state.commands[key].compensation
        if compensation is not None and compensation.ended_at is not None:
            self.report(Promise.REPLAY_IS_SILENT, f"{state.saga_id}/{key} is compensated again; that is durable")
        if goes_on_without(state, key):
            return  # the others stand because the saga completes
        for later in started_after(state, key):
            if later.may_stand and not self._is_known_undone(replica, state.saga_id, later):
                self.report(
                    Promise.IN_REVERSE_ORDER, f"{state.saga_id}/{key} is compensated before {later.key}, which stands"
                )

    def _is_known_undone(self, replica: str, saga_id: str, command: CommandState) -> bool:
        """Whether a replica may take the command's effect for compensated, though that is not journalled yet."""
        if is_child(command):
            child = self.sagas.get(f"{saga_id}/{command.key}")
            return child is not None and child.state.status in {Status.COMPENSATED, Status.PARTIALLY_COMPENSATED}
        return (replica, f"{saga_id}/{compensation_key(command.key)}") in self._answered

    def answered(self, replica: str, key: str) -> None:
        """A replica has heard that what it sent with this key is done."""
        self._answered.add((replica, key))

    def refused(self, key: str) -> None:
        """A participant has answered that it did not, and will not now, do what was sent with this key."""
        self._refused.add(key)

    def appended(self, append: Append) -> None:
        """The journal under test has taken these entries."""
        known = self.sagas.get(append.saga_id)
        if append.new is not None:
            if known is not None:
                self.report(Promise.SAME_INTENT_SAME_KEY, f"{append.saga_id} was started a second time")
        elif known is None or (known.owner, known.token) != (append.owner, append.token):
            held = f"{known.owner} holds {known.token}" if known else "there is none"
            self.report(
                Promise.ONE_OWNER, f"{append.owner} wrote to {append.saga_id} with the token {append.token}; {held}"
            )
        if known is None or append.new is not None:
            known = ObservedSaga(SagaState(append.saga_id), append.owner, append.token, advancing=True)
        if append.expected_sequence != known.sequence:
            self.report(
                Promise.ONE_OWNER,
                f"{append.owner} wrote to {append.saga_id} after {append.expected_sequence} entries; there were "
                f"{known.sequence}",
            )
        sequence = known.sequence + len(append.entries)
        self.sagas[append.saga_id] = known._replace(sequence=sequence, begun=False)
        for number, entry in enumerate(append.entries, start=1):
            self._check(known.state, entry)
            entry.apply(known.state)
            self.events.became_durable(known.state, entry, sequence - len(append.entries) + number)
        self._waits.check_rest(known.state)
        if known.state.status is not append.status:
            self.report(
                Promise.NOTHING_IS_LOST, f"{append.saga_id} is listed as {append.status}, and is {known.state.status}"
            )

    def claimed(self, owner: str, claim: Claim, now: int) -> None:
        """The journal under test has given a claim, at this time of its clock."""
        known = self.sagas[claim.saga_id]
        self.leases.claimed(owner, claim, now)
        if claim.token <= known.token:
            self.report(Promise.ONE_OWNER, f"{owner} claimed {claim.saga_id} with the old token {claim.token}")
        self.sagas[claim.saga_id] = known._replace(owner=owner, token=claim.token, advancing=False)

    def begun(self, claim: Claim) -> None:
        """That claim was the turn of a queued saga."""
        known = self.sagas[claim.saga_id]
        if known.begun:
            self.report(Promise.ONE_OWNER, f"{claim.saga_id} was begun twice, at last by {known.owner}")
        self.sagas[claim.saga_id] = known._replace(begun=True)

    def note_advancing(self, owner: str, saga_id: str) -> None:
        """A replica begins to advance a saga that it has claimed."""
        known = self.sagas[saga_id]
        if known.owner == owner:
            self.sagas[saga_id] = known._replace(advancing=True)

    def check_instants(self, schedule: Schedule, now: int) -> None:
        """A schedule was changed, at this time of the journal's clock: nothing starts before its instant."""
        for firing in schedule.firing:
            if firing.instant > now:
                self.report(Promise.TIME_AND_SIGNALS_ARE_FACTS, f"{schedule.name} starts a saga before its instant")

    def _check(self, state: SagaState, entry: Entry) -> None:
        """Is what the entry says true, and may it be said now?"""
        match entry:
            case CommandIntended():
                self._check_intended(state, entry)
            case CommandCompleted():
                self._check_completed(state, state.commands[entry.key])
            case CommandRefused():
                self._check_rejected(state, entry)
            case CompensationCompleted() | CompensationResolved():
                self._check_compensated(state, entry.key)
            case RollbackBegan():
                self._check_rollback(state)
            case SagaSuspended():
                self._check_suspension(state, entry.reason)
            case WaitEnded():
                self._waits.check_end(state, entry)
            case SignalReceived():
                self._waits.check_signal(state, entry)
            case (
                SagaStarted()
                | ValueRecorded()
                | DeadlinePassed()
                | SagaQueued()
                | SagaAdmitted()
                | SagaRecovered()
                | SagaCompleted()
                | SagaCompensated()
                | SagaPartiallyCompensated()
                | CommandQueued()
                | AttemptFailed()
                | CommandAbandoned()
                | CompensationBegan()
                | CompensationRejected()
                | SagaResumed()
                | RetryRequested()
                | OutcomeResolved()
                | CompensationSkipped()
                | WaitBegan()
                | SagaParked()
                | SagaWoken()
                | ActProposed()
                | EventPublished()
                | EventsHandedOn()
            ):
                pass  # the final check looks at what became of the saga
            case _:
                assert_never(entry)

    def _check_intended(self, state: SagaState, entry: CommandIntended) -> None:
        if state.pivoted and entry.effect in {Effect.COMPENSABLE, Effect.PIVOT}:
            self.report(Promise.ONLY_FORWARDS, f"{state.saga_id}/{entry.key} is intended after the pivot")

    def _check_compensated(self, state: SagaState, key: str) -> None:
        if self._balance(state, key):
            self.report(Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, f"{state.saga_id}/{key} is compensated, and stands")

    def _check_rollback(self, state: SagaState) -> None:
        for command in state.commands.values():
            if command.effect is Effect.PIVOT and (self._applied(state, command.key) or state.pivoted):
                self.report(Promise.ONLY_FORWARDS, f"{state.saga_id} rolls back; {command.key} took effect")

    def _check_completed(self, state: SagaState, command: CommandState) -> None:
        if command.effect is not Effect.QUERY and not is_child(command) and not self._applied(state, command.key):
            self.report(
                Promise.UNKNOWN_IS_NOT_FAILED, f"{state.saga_id}/{command.key} is completed, and never took effect"
            )

    def _check_rejected(self, state: SagaState, entry: CommandRefused) -> None:
        key, command = f"{state.saga_id}/{entry.key}", state.commands[entry.key]
        if is_child(command):
            return
        if entry.failure.reason == NOT_SENT:
            if key in self._sent:
                self.report(Promise.UNKNOWN_IS_NOT_FAILED, f"{key} was sent, and is journalled as not sent")
        elif key not in self._refused:
            self.report(Promise.UNKNOWN_IS_NOT_FAILED, f"{key} is rejected, and nobody has refused it")
        # A retryable command that was refused may be accepted later, and is sent again once an operator says so.
        if command.effect is not Effect.RETRYABLE and self._applied(state, command.key):
            self.report(Promise.UNKNOWN_IS_NOT_FAILED, f"{key} is rejected, and took effect")

    def _check_suspension(self, state: SagaState, reason: Reason) -> None:
        """A person is only asked for what a person must decide."""
        name = f"{state.saga_id}/{reason.step_key}"
        command = state.commands.get(reason.step_key)
        legal = {
            ReasonCode.UNKNOWN: command is not None,
            ReasonCode.PAUSED: state.saga_id in self.paused,
            ReasonCode.COMPENSATION_REJECTED: command is not None
            and (self._stands_in_part(name) or f"{state.saga_id}/{compensation_key(command.key)}" in self._refused),
            ReasonCode.REJECTED_AFTER_PIVOT: state.pivoted and name in self._refused,
        }
        if not legal.get(reason.code, False):
            self.report(
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
        child = self.sagas.get(name)
        return child is not None and child.state.status is Status.PARTIALLY_COMPENSATED

    def _effect_changed(self, what: str, entry: LedgerEntry) -> None:
        """A participant has done something."""
        if what not in {"applied", "compensated"}:
            return
        saga_id, key = self._places[entry.key]
        known = self.sagas.get(saga_id)
        if known is None:
            return
        if what == "applied" and (entry.applied > 1 or entry.kept_out):
            self.report(Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, f"{entry.key} took effect twice, or after its undoing")
        if what == "compensated" and key in known.state.commands and not goes_on_without(known.state, key):
            for later in started_after(known.state, key):
                if self._balance(known.state, later.key) and not later.skipped:
                    self.report(
                        Promise.IN_REVERSE_ORDER, f"{entry.key} was compensated before {later.key}, which stands"
                    )

    def _applied(self, state: SagaState, key: str) -> bool:
        entry = self.ledger.of(f"{state.saga_id}/{key}")
        return entry is not None and entry.applied > 0

    def _balance(self, state: SagaState, key: str) -> int:
        entry = self.ledger.of(f"{state.saga_id}/{key}")
        return entry.balance if entry is not None else 0
