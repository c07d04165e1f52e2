"""How far a saga has come: its journalled commands laid over the static plan of its code. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.engine.state import ENDED, Status, StepOutcome

if TYPE_CHECKING:
    from orchestrator.contract.command import Effect
    from orchestrator.definition.plan import Plan, PlannedStep
    from orchestrator.engine.state import CommandState, CompensationState, SagaState


class StepState(enum.Enum):
    """How far a step has come; the numbers of ``saga.v1.StepState``."""

    NOT_BEGUN = 1
    IN_PROGRESS = 2
    COMPLETED = 3
    REJECTED = 4
    UNKNOWN = 5
    COMPENSATING = 6
    COMPENSATED = 7
    SKIPPED = 8
    STANDS = 9


_SETTLED: Final = {
    StepOutcome.COMPLETED: StepState.COMPLETED,
    StepOutcome.REJECTED: StepState.REJECTED,
    StepOutcome.UNKNOWN: StepState.UNKNOWN,
}


class Step(NamedTuple):
    """One step of a saga.

    Attributes:
        method: the full name of the rpc.
        command: what the journal holds of it; ``None`` for a step that has not begun.
        conditional: it runs only under a condition.
        best_effort: the saga goes on without it.
    """

    method: str
    effect: Effect
    state: StepState
    command: CommandState | None
    conditional: bool
    best_effort: bool


def steps(state: SagaState, plan: Plan | None) -> list[Step]:
    """Every step in the order of the code, where the code is known, else in the order of start.

    A planned step takes the first journalled command of its method that no step before it took; one in a loop
    takes all of them.
    """
    waiting = list(state.commands.values())
    under_way = _next_compensation(state)
    found: list[Step] = []
    for planned in plan.steps() if plan else ():
        matching = [command for command in waiting if command.method == planned.command.name]
        taken = matching if planned.repeated else matching[:1]
        keys = {command.key for command in taken}
        waiting = [command for command in waiting if command.key not in keys] if keys else waiting
        found += [_begun(state, command, under_way, conditional=planned.conditional) for command in taken]
        if not taken:
            found.append(_not_begun(state, planned))
    return found + [_begun(state, command, under_way, conditional=False) for command in waiting]


def _not_begun(state: SagaState, planned: PlannedStep) -> Step:
    skipped = state.rollback or state.status in ENDED
    return Step(
        planned.command.name,
        planned.command.effect,
        StepState.SKIPPED if skipped else StepState.NOT_BEGUN,
        None,
        planned.conditional,
        planned.best_effort,
    )


def _begun(state: SagaState, command: CommandState, under_way: CompensationState | None, *, conditional: bool) -> Step:
    how_far = _state_of(state, command, under_way)
    return Step(command.method, command.effect, how_far, command, conditional, command.best_effort)


def _next_compensation(state: SagaState) -> CompensationState | None:
    """The one that is under way: the first of those that have not succeeded, unless an operator lets it be."""
    waiting = (command.compensation for command in state.commands.values() if not command.skipped)
    unended = [compensation for compensation in waiting if compensation and compensation.ended_at is None]
    return min(unended, key=lambda compensation: compensation.position, default=None)


def _state_of(state: SagaState, command: CommandState, under_way: CompensationState | None) -> StepState:
    if command.skipped:
        return StepState.STANDS
    compensation = command.compensation
    if compensation is not None and compensation.ended_at is not None:
        return StepState.COMPENSATED
    if compensation is not None and compensation is under_way:
        return StepState.COMPENSATING
    if command.outcome is not None:
        return _SETTLED[command.outcome]
    return StepState.IN_PROGRESS if state.status in {Status.RUNNING, Status.WAITING} else StepState.UNKNOWN
