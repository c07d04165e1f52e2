"""How far a saga has come: its journalled commands laid over the static plan of its code. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.placing import places
from orchestrator.journal.state import ENDED, Status, StepOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.analysis.plan.plan import Plan, PlannedStep
    from orchestrator.contract.command import Effect
    from orchestrator.journal.state import CommandState, CompensationState, SagaState


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


_NOWHERE: Final = 1_000_000


class Step(NamedTuple):
    """One step of a saga.

    Attributes:
        method: the full name of the rpc.
        command: what the journal holds of it; ``None`` for a step that has not begun.
        conditional: it runs only under a condition.
        best_effort: the saga goes on without it.
        place: which step of the plan it is, counted from 0; ``None`` for one that the plan does not name.
    """

    method: str
    effect: Effect
    state: StepState
    command: CommandState | None
    conditional: bool
    best_effort: bool
    place: int | None = None


def steps(state: SagaState, plan: Plan | None) -> list[Step]:
    """Every step: those that have begun in the order of their start, those that have not where the code has them.

    A planned step that may have begun, as far as method, scope and order tell, is not said to be ahead or passed over.
    """
    commands = list(state.commands.values())
    under_way = _next_compensation(state)
    if plan is None:
        return [_begun(state, command, under_way, conditional=False) for command in commands]
    planned = plan.steps()
    found = places(plan.order, commands, completed=state.status is Status.COMPLETED)
    is_over = state.rollback is not None or state.status in ENDED
    # Of a saga that goes on, what may have begun may also be ahead.
    begun = found.possible if is_over else frozenset(found.taken.values())
    ahead = [(number, step) for number, step in enumerate(planned) if number not in begun]
    shown: list[Step] = []
    for command, remaining in zip(commands, _least_from(commands, found.taken), strict=True):
        while ahead and ahead[0][0] < remaining:
            shown.append(_not_begun(*ahead.pop(0), is_over=is_over))
        place = found.taken.get(command.key)
        conditional = place is not None and planned[place].conditional
        shown.append(_begun(state, command, under_way, conditional=conditional, place=place))
    return shown + [_not_begun(*step, is_over=is_over) for step in ahead]


def _least_from(commands: Sequence[CommandState], taken: Mapping[str, int]) -> list[int]:
    """For each command, the first place in the code that it or one after it has; -1 where none of them has any."""
    least, found = _NOWHERE, list[int]()
    for command in reversed(commands):
        least = min(least, taken.get(command.key, _NOWHERE))
        found.append(-1 if least == _NOWHERE else least)
    return found[::-1]


def _not_begun(place: int, planned: PlannedStep, *, is_over: bool) -> Step:
    return Step(
        planned.command.name,
        planned.command.effect,
        StepState.SKIPPED if is_over else StepState.NOT_BEGUN,
        None,
        planned.conditional,
        planned.best_effort,
        place,
    )


def _begun(
    state: SagaState,
    command: CommandState,
    under_way: CompensationState | None,
    *,
    conditional: bool,
    place: int | None = None,
) -> Step:
    how_far = _state_of(state, command, under_way)
    return Step(command.method, command.effect, how_far, command, conditional, command.best_effort, place)


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
    goes_forward = state.status in {Status.RUNNING, Status.WAITING} and state.rollback is None
    return StepState.IN_PROGRESS if goes_forward else StepState.UNKNOWN
