"""How far a saga has come: its journalled commands laid over the static plan of its code. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.engine.state import ENDED, Status, StepOutcome

if TYPE_CHECKING:
    from orchestrator.contract.command import Effect
    from orchestrator.definition.plan import Plan, PlannedStep
    from orchestrator.engine.state import CommandState, SagaState


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
    found: list[Step] = []
    for planned in plan.steps() if plan else ():
        matching = [command for command in waiting if command.method == planned.command.name]
        taken = matching if planned.repeated else matching[:1]
        waiting = [command for command in waiting if command not in taken]
        found += [_begun(state, command, conditional=planned.conditional) for command in taken]
        if not taken:
            found.append(_not_begun(state, planned))
    return found + [_begun(state, command, conditional=False) for command in waiting]


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


def _begun(state: SagaState, command: CommandState, *, conditional: bool) -> Step:
    return Step(command.method, command.effect, _state_of(state, command), command, conditional, command.best_effort)


def _state_of(state: SagaState, command: CommandState) -> StepState:
    if command.skipped:
        return StepState.STANDS
    if command.compensation is not None:
        return StepState.COMPENSATED if command.compensation.ended_at is not None else StepState.COMPENSATING
    match command.outcome:
        case StepOutcome.COMPLETED:
            return StepState.COMPLETED
        case StepOutcome.REJECTED:
            return StepState.REJECTED
        case StepOutcome.UNKNOWN:
            return StepState.UNKNOWN
        case None:
            going = state.status in {Status.RUNNING, Status.WAITING}
            return StepState.IN_PROGRESS if going else StepState.UNKNOWN
