"""The last word on a simulated world: what its journal says, held against what its participants have done.

==================== =============================================================================
a saga that ended    leaves standing
==================== =============================================================================
completed            the effect of every completed command, of no rejected one, and of no unknown one that matters
compensated          nothing, but what the saga can do without
partially            what an operator lets stand, and what the saga can do without
suspended            what its journal names, and nothing that it calls compensated or rejected
==================== =============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.journal.state import ENDED, Status, StepOutcome
from orchestrator.testing.simulation.observed_saga import is_child
from orchestrator.testing.simulation.promises import Promise

if TYPE_CHECKING:
    from orchestrator.journal.state import CommandState, SagaState
    from orchestrator.ports.journal import Journal
    from orchestrator.testing.simulation.invariants import Invariants


class FinalCheck:
    """Settles the accounts of one world in which nothing is under way any more."""

    def __init__(self, invariants: Invariants) -> None:
        self._invariants = invariants
        self._states = {saga_id: known.state for saga_id, known in invariants.sagas.items()}

    async def check(self, journal: Journal) -> None:
        """Hold every saga and every effect to the promises."""
        accounted: set[str] = set()
        for state in self._states.values():
            accounted.update(f"{state.saga_id}/{key}" for key in state.commands)
            self._check_saga(state)
            record = await journal.find(state.saga_id)
            if record is None or record.status is not state.status:
                self._invariants.report(
                    Promise.NOTHING_IS_LOST, f"{state.saga_id} is {state.status}, listed as {record}"
                )
        for entry in self._invariants.ledger:
            if entry.balance and entry.key not in accounted:
                self._lost(f"{entry.key} stands, and no journal knows of it")
        for entry in self._invariants.ledger.disorders():
            self._lost(f"{entry.key} was applied {entry.applied} times and compensated {entry.compensated} times")

    def _check_saga(self, state: SagaState) -> None:
        if state.status not in {*ENDED, Status.SUSPENDED}:
            self._invariants.report(Promise.NOTHING_IS_LOST, f"{state.saga_id} never ended: it is {state.status}")
            return
        for command in state.commands.values():
            if command.effect is not Effect.QUERY:
                self._check_command(state, command)

    def _check_command(self, state: SagaState, command: CommandState) -> None:
        stands = self._stands(state, command)
        if stands is None:
            return
        name = f"{state.saga_id}/{command.key}"
        undone = command.compensation is not None and command.compensation.ended_at is not None
        rejected = command.outcome is StepOutcome.REJECTED and command.effect is not Effect.RETRYABLE
        if stands and (undone or rejected):
            self._lost(f"{name} stands, and is journalled as {'compensated' if undone else 'rejected'}")
        if stands and state.status is Status.COMPENSATED and not command.best_effort:
            self._lost(f"{name} stands, and its saga has ended compensated")
        if stands and state.status is Status.PARTIALLY_COMPENSATED and not (command.skipped or command.best_effort):
            self._lost(f"{name} stands, and no operator has let it stand")
        unknown = command.outcome is StepOutcome.UNKNOWN and not (command.skipped or command.best_effort)
        if stands and state.status is Status.COMPLETED and unknown:
            self._lost(f"{name} stands, and its saga has completed without knowing of it")
        if not stands and not undone and command.outcome is StepOutcome.COMPLETED and not command.skipped:
            self._lost(f"{name} is journalled as completed, and does not stand")
        if state.status is Status.COMPLETED and command.matters_in_doubt:
            self._invariants.report(Promise.UNKNOWN_IS_NOT_FAILED, f"{name} is in doubt, and its saga has completed")

    def _stands(self, state: SagaState, command: CommandState) -> bool | None:
        """Whether the command has an effect that stands; ``None`` where that is still to be decided."""
        name = f"{state.saga_id}/{command.key}"
        if not is_child(command):
            entry = self._invariants.ledger.of(name)
            return entry is not None and entry.balance > 0
        child = self._states.get(name)
        if child is None:
            return False
        if child.status in {Status.SUSPENDED, Status.PARTIALLY_COMPENSATED}:
            return None
        return child.status is Status.COMPLETED

    def _lost(self, how: str) -> None:
        self._invariants.report(Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, how)
