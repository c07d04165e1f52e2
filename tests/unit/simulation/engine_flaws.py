"""Flaws to be found: each swaps one piece of the engine, or of what it stands on, for one that breaks a promise.

They are mistakes that programmers make: not to wait for a write, to reverse a list, to take a timeout for a rejection.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

from orchestrator.engine.bindings.binding import Binding
from orchestrator.engine.replica.advancing.claimed_sagas import ClaimedSagas
from orchestrator.engine.replica.claiming.recovery import Recovery
from orchestrator.engine.run.commands.command_issuer import CommandIssuer
from orchestrator.engine.run.journal_writer import SagaWriter
from orchestrator.engine.run.rollback.compensations import Rollback
from orchestrator.engine.run.sending import command_sender as delivery
from orchestrator.engine.run.sending.command_sender import CommandSender
from orchestrator.engine.run.sending.weighing import weighed
from orchestrator.engine.run.stop_control import StopControl
from orchestrator.journal import compensation_plan as compensation
from orchestrator.journal import keys
from orchestrator.journal.entries import CommandIntended, CompensationBegan, RollbackBegan, SagaRecovered
from orchestrator.journal.outcome import Rejected, Unknown
from orchestrator.journal.state import CommandState, StepOutcome
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.mock import ContractParticipant
from orchestrator.testing.simulation import Promise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.engine.run.executor import Executor
    from orchestrator.journal.compensation_plan import CompensationPlan
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Outcome
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.journal import Append


@contextlib.contextmanager
def intent_is_dropped() -> Iterator[None]:
    """A command leaves without waiting for its intent to be durable."""

    async def intend(self: CommandIssuer, binding: Any, key: str, request: bytes) -> CommandState:  # noqa: ANN401
        entry = CommandIntended(self._clock.now(), key, binding.name, binding.command.effect, request)
        self._writer.record(entry)
        return self._writer.state.commands[key]

    with patch.object(CommandIssuer, "_intend", intend):
        yield


@contextlib.contextmanager
def compensations_are_reordered() -> Iterator[None]:
    """What was started first is compensated first."""

    def plan(state: SagaState) -> CompensationPlan:
        right = compensation.plan_compensations(state)
        return right._replace(compensations=right.compensations[::-1])

    with patch("orchestrator.engine.run.rollback.compensations.plan_compensations", plan):
        yield


@contextlib.contextmanager
def fence_is_skipped() -> Iterator[None]:
    """The journal takes entries from every replica."""
    write = MemoryJournal._write

    def unfenced(self: MemoryJournal, append: Append) -> None:
        known = self._sagas.get(append.saga_id)
        if known is not None and append.new is None and known.owner is not None:
            append = append._replace(owner=known.owner, token=known.token)
        write(self, append)

    with patch.object(MemoryJournal, "_write", unfenced):
        yield


@contextlib.contextmanager
def timeout_is_taken_for_a_rejection() -> Iterator[None]:
    """No answer is taken for a no."""
    call = CommandSender._call

    async def called(self: CommandSender, *arguments: Any) -> Any:  # noqa: ANN401
        outcome = await call(self, *arguments)
        return Rejected(outcome.failure) if isinstance(outcome, Unknown) else outcome

    with patch.object(CommandSender, "_call", called):
        yield


@contextlib.contextmanager
def rollback_is_forgotten() -> Iterator[None]:
    """That the rollback began is known here, and to nobody who comes after."""
    record = SagaWriter.record

    def forget(self: SagaWriter, entry: Entry) -> None:
        if isinstance(entry, RollbackBegan):
            entry.apply(self.state)
        else:
            record(self, entry)

    with patch.object(SagaWriter, "record", forget):
        yield


@contextlib.contextmanager
def rollback_is_not_awaited() -> Iterator[None]:
    """Compensations leave while it is still being written that the rollback began."""
    persist = StopControl.persist

    async def hasty(self: StopControl, writer: SagaWriter) -> None:
        if writer._buffer and isinstance(writer._buffer[-1], (RollbackBegan, CompensationBegan)):
            writer._latest = writer._write()
        else:
            await persist(self, writer)

    with patch.object(StopControl, "persist", hasty):
        yield


@contextlib.contextmanager
def doubt_is_taken_for_failure() -> Iterator[None]:
    """Only what was answered is compensated."""

    def plan(state: SagaState) -> CompensationPlan:
        right = compensation.plan_compensations(state)
        answered = tuple(each for each in right.compensations if each.outcome is StepOutcome.COMPLETED)
        return right._replace(compensations=answered)

    with patch("orchestrator.engine.run.rollback.compensations.plan_compensations", plan):
        yield


@contextlib.contextmanager
def any_rejection_is_taken_for_the_guards() -> Iterator[None]:
    """A rejection after doubt is definite, although a proxy may have sent it."""

    def wrong(answer: Outcome, binding: Binding, *, in_doubt: bool, spent: bool) -> Outcome:
        return answer if isinstance(answer, Rejected) else weighed(answer, binding, in_doubt=in_doubt, spent=spent)

    with patch.object(delivery, "weighed", wrong):
        yield


@contextlib.contextmanager
def replies_are_not_looked_at() -> Iterator[None]:
    """OK is success, although its reply cannot be read."""
    with patch.object(Binding, "flaw", lambda _self, _reply: None):
        yield


@contextlib.contextmanager
def what_a_saga_goes_on_without_is_forgotten() -> Iterator[None]:
    """A saga that gets over an unknown outcome completes, and leaves the effect."""

    async def nothing(_self: Rollback) -> None:
        return None

    with patch.object(Rollback, "compensate_abandoned", nothing):
        yield


@contextlib.contextmanager
def every_attempt_has_a_key_of_its_own() -> Iterator[None]:
    """The idempotency key tells attempts apart, instead of intents."""

    def metadata(self: CommandSender, key: str, attempt: int, about: tuple[tuple[str, str], ...]) -> Any:  # noqa: ANN401
        saga_id = self._writer.state.saga_id
        return (
            ("idempotency-key", f"{keys.idempotency_key(saga_id, key)}/{attempt}"),
            ("saga-id", saga_id),
            *about,
        )

    with patch.object(CommandSender, "_metadata", metadata):
        yield


@contextlib.contextmanager
def cancel_is_never_refused() -> Iterator[None]:
    """Also what is past its pivot is rolled back."""
    with patch("orchestrator.engine.replica.acting.acts._refuse_cancel", lambda _state: None):
        yield


@contextlib.contextmanager
def results_are_forgotten() -> Iterator[None]:
    """Recovery sends what the journal knows the result of."""
    recover = ClaimedSagas.recover

    def forgetful(self: ClaimedSagas, claim: Any, entries: Any, state: SagaState, **more: Any) -> Executor:  # noqa: ANN401
        for command in state.commands.values():
            if command.outcome is StepOutcome.COMPLETED and not state.rollback:
                state.reopen(command)
        return recover(self, claim, entries, state, **more)

    with patch.object(ClaimedSagas, "recover", forgetful):
        yield


@contextlib.contextmanager
def nothing_is_recovered() -> Iterator[None]:
    """What another replica has left behind stays there."""

    async def recover(_self: Recovery) -> int:
        return 0

    with patch.object(Recovery, "_recover", recover):
        yield


@contextlib.contextmanager
def attempts_are_counted_anew() -> Iterator[None]:
    """After a recovery, attempts have the numbers, hence the spans, of those that were in flight."""
    with patch.object(SagaRecovered, "apply", lambda _self, _state: None):
        yield


@contextlib.contextmanager
def failed_journal_is_given_up() -> Iterator[None]:
    """A saga that the journal failed is not carried on with."""
    with patch.object(Recovery, "defer_recovery", lambda _self, _claim: None):
        yield


@contextlib.contextmanager
def nothing_to_write_is_taken_for_written() -> Iterator[None]:
    """A writer that finds the buffer empty does not wait for what another is writing. The simulator found this flaw."""
    persist = SagaWriter.persist

    async def hasty(self: SagaWriter) -> None:
        if self._buffer:
            await persist(self)

    with patch.object(SagaWriter, "persist", hasty):
        yield


@contextlib.contextmanager
def guard_is_missing() -> Iterator[None]:
    """A participant does again what it did before."""
    command = ContractParticipant._command

    def unguarded(self: ContractParticipant, call: Any, *, rejects: bool) -> Any:  # noqa: ANN401
        self._records.pop(call.key, None)
        return command(self, call, rejects=rejects)

    with patch.object(ContractParticipant, "_command", unguarded):
        yield


class EngineFlaw(NamedTuple):
    """A bug, and the promises by which it may be found out; of a rare one, the first world that is looked at."""

    introduce: Callable[[], contextlib.AbstractContextManager[None]]
    breaks: frozenset[Promise]
    first_seed: int = 0


def _flaw(introduce: Callable[[], contextlib.AbstractContextManager[None]], *breaks: Promise) -> EngineFlaw:
    return EngineFlaw(introduce, frozenset(breaks))


ENGINE_FLAWS = (
    _flaw(intent_is_dropped, Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR),
    _flaw(compensations_are_reordered, Promise.IN_REVERSE_ORDER),
    _flaw(fence_is_skipped, Promise.ONE_OWNER),
    _flaw(timeout_is_taken_for_a_rejection, Promise.UNKNOWN_IS_NOT_FAILED, Promise.NOTHING_IS_LOST),
    _flaw(rollback_is_forgotten, Promise.NOTHING_IS_LOST),
    _flaw(rollback_is_not_awaited, Promise.NOTHING_IS_LOST),
    _flaw(doubt_is_taken_for_failure, Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, Promise.IN_REVERSE_ORDER),
    _flaw(
        any_rejection_is_taken_for_the_guards,
        Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR,
        Promise.UNKNOWN_IS_NOT_FAILED,
        Promise.ONLY_FORWARDS,
    ),
    _flaw(
        replies_are_not_looked_at,
        Promise.NOTHING_IS_LOST,
        Promise.UNKNOWN_IS_NOT_FAILED,
        Promise.ONLY_FORWARDS,
        Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR,
        Promise.IN_REVERSE_ORDER,
    ),
    _flaw(what_a_saga_goes_on_without_is_forgotten, Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR),
    _flaw(every_attempt_has_a_key_of_its_own, Promise.SAME_INTENT_SAME_KEY),
    _flaw(cancel_is_never_refused, Promise.ONLY_FORWARDS),
    _flaw(results_are_forgotten, Promise.REPLAY_IS_SILENT),
    _flaw(nothing_is_recovered, Promise.NOTHING_IS_LOST),
    _flaw(attempts_are_counted_anew, Promise.ONE_TRACE),
    _flaw(failed_journal_is_given_up, Promise.NOTHING_IS_LOST),
    _flaw(
        nothing_to_write_is_taken_for_written,
        Promise.REPLAY_IS_SILENT,
        Promise.ONE_TRACE,
        Promise.TIME_AND_SIGNALS_ARE_FACTS,
    ),
    _flaw(guard_is_missing, Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR),
)
