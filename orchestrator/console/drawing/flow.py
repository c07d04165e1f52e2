"""The flow of a saga as a picture: its code from the top to the bottom, and how far the saga has come in it.

::

    plan, state ──▶ cells ──▶ blocks ──▶ placed shapes ──▶ SVG
    (analysis,      (what a   (how large (where each       (classes for the style sheet,
     journal)        box says) each is)   stands)           geometry as attributes)

Invariant: every step of the plan has one box, no two boxes overlap, and what has happened and is not in the plan has a
box, too. The pivot is followed by a line over which nothing goes back; the rollback runs back beside the flow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from orchestrator.console.drawing.blocks import Block, framed, placed, stacked
from orchestrator.console.drawing.boxes import TEXT_SIZE, box_width, drawn
from orchestrator.console.drawing.letters import width_of
from orchestrator.console.drawing.looks import WORDS, Look
from orchestrator.console.drawing.overlay import cells_of
from orchestrator.console.drawing.planned import Content, block_of, boxed
from orchestrator.console.drawing.rollback import reach, rollback, stops
from orchestrator.console.drawing.shapes import Box, Edge, Label, Terminal
from orchestrator.console.drawing.svg import document
from orchestrator.journal.state import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.console.drawing.cells import Cell
    from orchestrator.console.drawing.overlay import Cells
    from orchestrator.console.drawing.shapes import Shape
    from orchestrator.engine.sagas import Waiting
    from orchestrator.journal.state import SagaState

_MARGIN: Final = 16.0
_TERMINAL: Final = 24.0
_NO_STATES: Final[Mapping[str, SagaState]] = {}


def flow_svg(
    plan: Plan | None,
    state: SagaState | None = None,
    *,
    waiting: Iterable[Waiting] = (),
    preview: Sequence[str] = (),
    children: Mapping[str, SagaState] = _NO_STATES,
    name: str = "flow",
    style: str = "",
) -> str:
    """The flow of a saga.

    Args:
        plan: of its code; ``None`` where no code is served: then the steps that have happened are drawn.
        state: of the saga; ``None`` for the plan alone.
        waiting: what the saga waits for at this moment.
        preview: the keys of what a rollback would compensate now, in its order; empty where none is asked for.
        children: the states of its child sagas, by the keys of the commands that they are.
        name: the picture's class, and the beginning of the ids in it.
        style: a style sheet to carry along; empty in a page that has one.
    """
    keys = frozenset(each.key for each in waiting if each.service)
    cells = cells_of(plan, state, keys, children)
    shapes = list(_shapes(plan, state, cells))
    boxes = [shape for shape in shapes if isinstance(shape, Box)]
    if preview:
        boxes = [replace(box, cell=_with_preview(box.cell, preview)) for box in boxes]
    found = stops(boxes)
    far, bottom = _extent(shapes)
    right, _ = _extent(shape for shape in shapes if getattr(shape, "y", bottom) < reach(found, 0.0)[1])
    width, height = reach(found, right)
    return document(
        name,
        (_title(plan, state), _description(cells)),
        (max(far, width) + _MARGIN, max(bottom, height) + _MARGIN),
        *drawn(shapes),
        *rollback(found, boxes, right, planned=bool(preview), end=_rolled_back_to(state)),
        style=style,
    )


def flow_shapes(plan: Plan | None, state: SagaState | None = None) -> list[Shape]:
    """The shapes of the flow, where they stand in the picture."""
    return list(_shapes(plan, state, cells_of(plan, state)))


def _shapes(plan: Plan | None, state: SagaState | None, cells: Cells) -> Iterable[Shape]:
    width = box_width(cells.all())
    body = block_of(plan.root, Content(cells, width)) if plan is not None else Block()
    outside = stacked([boxed(cell, width) for cell in cells.outside])
    if plan is not None and not outside.is_empty:
        outside = framed(outside, "what the plan does not name", "outside")
    name = f"{plan.name} v{plan.version}" if plan is not None else _name(state)
    start = _terminal(name, begun=state is not None)
    done = state is not None and state.status is Status.COMPLETED
    flow = stacked([start, body, outside, _terminal("completed", begun=done)])
    return placed(flow, _MARGIN, _MARGIN, (_MARGIN, _MARGIN + flow.width))


def _terminal(text: str, *, begun: bool) -> Block:
    width = width_of(text, TEXT_SIZE, bold=True) + 2 * _TERMINAL
    shape = Terminal(0.0, 0.0, width, _TERMINAL, text, begun)
    return Block(width, _TERMINAL, width / 2, (shape,), begun=begun)


def _extent(shapes: Iterable[Shape]) -> tuple[float, float]:
    """The right and the lower side of all shapes with a size."""
    right = bottom = 0.0
    for shape in shapes:
        if isinstance(shape, Edge):
            right = max(right, *(x for x, _ in shape.points))
            continue
        wide = width_of(shape.text, TEXT_SIZE) if isinstance(shape, Label) else getattr(shape, "width", 0.0)
        right = max(right, shape.x + wide)
        bottom = max(bottom, shape.y + getattr(shape, "height", 0.0))
    return right, bottom


def _with_preview(cell: Cell, preview: Sequence[str]) -> Cell:
    positions = [position for position, key in enumerate(preview, start=1) if key in cell.keys]
    return replace(cell, undone=tuple((position, Look.NOT_BEGUN) for position in positions))


def _name(state: SagaState | None) -> str:
    return f"{state.definition} v{state.version}" if state is not None else "a saga"


def _rolled_back_to(state: SagaState | None) -> str:
    status = state.status if state is not None else None
    ends = {Status.COMPENSATED, Status.PARTIALLY_COMPENSATED}
    return status.name.lower().replace("_", " ") if status is not None and status in ends else ""


def _title(plan: Plan | None, state: SagaState | None) -> str:
    name = f"{plan.name} v{plan.version}" if plan is not None else _name(state)
    if state is None or state.status is None:
        return f"The steps of {name}"
    return f"The steps of {name}, which is {state.status.name.lower().replace('_', ' ')}"


def _description(cells: Cells) -> str:
    """Every step in a line, for those who cannot see the picture."""
    told = [f"{cell.title}: {cell.told or WORDS[cell.look]}" for cell in cells.all()]
    return "; ".join(told) or "No steps."
