"""How far a saga has come, laid over the plan of its code: the content of every box of its flow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from orchestrator.analysis.plan.nodes import Issue, Wait, walk
from orchestrator.analysis.plan.plan import Plan
from orchestrator.console.drawing.cells import (
    Cell,
    Situation,
    alike,
    happened_cells,
    laid,
    laid_wait,
    planned_cell,
    planned_wait,
    waits_by_name,
)
from orchestrator.console.drawing.looks import BEGUN, Look
from orchestrator.journal.progress import steps
from orchestrator.journal.state import ENDED, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.journal.progress import Step
    from orchestrator.journal.state import SagaState
    from orchestrator.journal.waits import WaitState


@dataclass(frozen=True, slots=True)
class Cells:
    """What the boxes of one saga hold.

    Attributes:
        steps: of each command of the plan, in the order of the code.
        waits: of each wait of the plan, in the order of the code.
        outside: of commands that the plan does not name.
        children: by the number of a command that is a child saga, what the boxes of that child hold.
    """

    steps: tuple[Cell, ...]
    waits: tuple[Cell, ...]
    outside: tuple[Cell, ...] = ()
    children: Mapping[int, Cells] = field(default_factory=dict)

    def all(self) -> Iterator[Cell]:
        """Every cell, those of the children included."""
        yield from (*self.steps, *self.waits, *self.outside)
        for child in self.children.values():
            yield from child.all()

    def alike(self, look: Look) -> Cells:
        """The same boxes, all in one state."""
        steps, waits, outside = (
            tuple(alike(cell, look) for cell in cells) for cells in (self.steps, self.waits, self.outside)
        )
        return Cells(steps, waits, outside, {place: child.alike(look) for place, child in self.children.items()})


_NO_CHILDREN: Final[Mapping[str, SagaState]] = {}


def cells_of(
    plan: Plan | None,
    state: SagaState | None,
    waiting: frozenset[str] = frozenset(),
    children: Mapping[str, SagaState] = _NO_CHILDREN,
) -> Cells:
    """The content of the boxes of a saga.

    Args:
        plan: of its code; ``None`` where no code is served: then what has happened is all that is known.
        state: of the saga; ``None`` for the plan alone.
        waiting: the keys of the commands that wait for their next attempt.
        children: the states of its child sagas, by the keys of the commands that they are.
    """
    situation = Situation(waiting, state is not None and state.status is Status.SUSPENDED)
    if plan is None:
        done = [] if state is None else steps(state, None)
        return Cells((), (), tuple(happened_cells(done, situation)))
    issues = [node for node in walk(plan.root) if isinstance(node, Issue)]
    by_place, outside = _by_place([] if state is None else steps(state, plan))
    shown = [planned_cell(issue) for issue in issues]
    if state is not None:
        shown = [laid(cell, by_place.get(place, ()), situation) for place, cell in enumerate(shown)]
    inner = {
        place: _child_cells(issue, shown[place], waiting, children)
        for place, issue in enumerate(issues)
        if issue.child is not None
    }
    return Cells(tuple(shown), tuple(_waits(plan, state)), tuple(happened_cells(outside, situation)), inner)


def _child_cells(issue: Issue, cell: Cell, waiting: frozenset[str], children: Mapping[str, SagaState]) -> Cells:
    """The content of the boxes of a child saga; of one that has not begun, none of its steps has."""
    inside = cells_of(_plan_of(issue), _state_of(cell, children), waiting, children)
    return inside if cell.look in BEGUN or cell.look is Look.PLANNED else inside.alike(cell.look)


def _by_place(done: Sequence[Step]) -> tuple[dict[int, list[Step]], list[Step]]:
    """The steps by their places in the plan, and those without one."""
    by_place: dict[int, list[Step]] = {}
    outside: list[Step] = []
    for step in done:
        if step.place is None:
            outside.append(step)
        else:
            by_place.setdefault(step.place, []).append(step)
    return by_place, outside


def _plan_of(issue: Issue) -> Plan:
    assert issue.child is not None
    return Plan(issue.child.name, issue.child.version, "", issue.child.root)


def _state_of(cell: Cell, children: Mapping[str, SagaState]) -> SagaState | None:
    """The state of a child saga, where it was called once and its state is at hand."""
    return children.get(cell.keys[0]) if len(cell.keys) == 1 else None


def _waits(plan: Plan, state: SagaState | None) -> Iterator[Cell]:
    """The cells of the waits: where the code has several of one name, each takes one of the saga's, in their order."""
    nodes = [node for node in walk(plan.root) if isinstance(node, Wait)]
    if state is None:
        yield from map(planned_wait, nodes)
        return
    over = state.rollback is not None or state.status in ENDED
    found = waits_by_name(state)
    names = [_name_of(node) for node in nodes]
    for node, name in zip(nodes, names, strict=True):
        yield laid_wait(planned_wait(node), _taken(found.get(name, []), alone=names.count(name) == 1), over=over)


def _taken(waits: list[WaitState], *, alone: bool) -> list[WaitState]:
    if alone:
        return waits
    return [waits.pop(0)] if waits else []


def _name_of(wait: Wait) -> str:
    return f"signal:{wait.signal}" if wait.signal else "sleep"
