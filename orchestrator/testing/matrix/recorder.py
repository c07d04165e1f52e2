"""Records every attempt of one run, and compares it with what must be durable before the attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.contract.command import Effect
from orchestrator.journal.keys import compensation_key, idempotency_key, related
from orchestrator.journal.outcome import Completed
from orchestrator.journal.state import StepOutcome

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome
    from orchestrator.journal.state import SagaState
    from orchestrator.testing.mock import EffectLedger
    from orchestrator.testing.mock.calls import Metadata


class SentCommand(NamedTuple):
    """One attempt, as it left.

    Attributes:
        command: what was sent.
        key: the idempotency key.
        compensates: on a compensation, the idempotency key of the command that it undoes.
    """

    command: Command
    key: str
    compensates: str


class Recorder:
    """Records attempts as they leave, and answers as they come.

    Args:
        ledger: the effects.

    Attributes:
        sent: every attempt at a command or compensation, in order.
        compensated: the idempotency keys of the commands whose compensations have succeeded, in that order.
        broken: the promises that were broken on the way, as sentences.
    """

    def __init__(self, ledger: EffectLedger) -> None:
        self._ledger = ledger
        self.sent: list[SentCommand] = []
        self.compensated: list[str] = []
        self.broken: list[str] = []

    def note_sent(self, command: Command, metadata: Metadata, state: SagaState) -> None:
        """An attempt leaves, while the journal leads to this state."""
        known = dict(metadata)
        if related("verifies", known):
            return
        sent_command = SentCommand(command, known["idempotency-key"], related("compensates", known))
        self.sent.append(sent_command)
        found = self._misplaced_compensation if sent_command.compensates else self._misplaced_command
        self.broken += [f"{sent_command.key} was sent {wrong}" for wrong in found(sent_command, state)]

    def note_answered(self, metadata: Metadata, outcome: Outcome) -> None:
        """An attempt's outcome has reached its sender."""
        compensates = related("compensates", dict(metadata))
        if compensates and isinstance(outcome, Completed) and compensates not in self.compensated:
            self.compensated.append(compensates)

    def _misplaced_command(self, sent_command: SentCommand, state: SagaState) -> list[str]:
        command = state.commands.get(sent_command.key.partition("/")[2])
        wrong: list[str] = []
        if command is None and sent_command.command.effect is not Effect.QUERY:
            wrong.append("before its intent was durable")
        if command is not None and command.outcome is not None:
            wrong.append("although its outcome is journalled")
        if state.rollback:
            wrong.append("during the rollback")
        return wrong

    def _misplaced_compensation(self, sent_command: SentCommand, state: SagaState) -> list[str]:
        wrong: list[str] = []
        done_without = self._is_done_without(sent_command.compensates, state)
        if not (state.rollback or done_without):
            wrong.append("before the rollback was durable")
        if not done_without and any(
            self._is_accepted_pivot(command.key, command.effect, state) for command in state.commands.values()
        ):
            wrong.append("although the pivot was accepted")
        of = {idempotency_key(state.saga_id, key): key for key in state.commands}
        key = of.get(sent_command.compensates)
        if key is None:
            wrong.append(f"to undo {sent_command.compensates}, which was never intended")
        elif sent_command.key != idempotency_key(state.saga_id, compensation_key(key)):
            wrong.append("with a key that is not that of the compensation")
        unfinished = {each.compensates for each in self.sent} - {"", sent_command.compensates, *self.compensated}
        if unfinished:
            wrong.append(f"while the compensation of {', '.join(sorted(unfinished))} had not succeeded")
        return wrong

    def _is_done_without(self, compensates: str, state: SagaState) -> bool:
        """The saga has gone on without an answer to the command, and takes it back before it completes."""
        keys = {idempotency_key(state.saga_id, key): command for key, command in state.commands.items()}
        command = keys.get(compensates)
        return command is not None and command.outcome is StepOutcome.UNKNOWN and command.compensation is not None

    def _is_accepted_pivot(self, key: str, effect: Effect, state: SagaState) -> bool:
        entry = self._ledger.of(idempotency_key(state.saga_id, key))
        return effect is Effect.PIVOT and entry is not None and entry.applied > 0
