"""From the nodes of a plan to the blocks of its flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.analysis.plan.nodes import (
    Branch,
    FunctionCall,
    Issue,
    Leave,
    Loop,
    Parallel,
    Sequence,
    TimeLimit,
    Try,
    Unread,
    Wait,
)
from orchestrator.console.drawing.blocks import (
    LABEL_ROOM,
    LABEL_SIZE,
    Block,
    Lane,
    framed,
    side_by_side,
    stacked,
)
from orchestrator.console.drawing.letters import cut, width_of
from orchestrator.console.drawing.looks import BEGUN, Look
from orchestrator.console.drawing.shapes import Box, Edge, Exit, Label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.analysis.plan.nodes import Arm, Node
    from orchestrator.console.drawing.cells import Cell
    from orchestrator.console.drawing.overlay import Cells
    from orchestrator.console.drawing.shapes import Shape

BOX_HEIGHT: Final = 60.0
_EXIT_LINE: Final = 17.0
_EXIT: Final = 6.0
_ASIDE: Final = 13.0
_NOTE_HEIGHT: Final = 34.0
# From such a step, the saga has not gone on.
_STAYS: Final = frozenset({Look.IN_PROGRESS, Look.WAITING, Look.IN_DOUBT, Look.FAILED})


class Content:
    """Deals the cells of one saga out, in the order of its code.

    Args:
        cells: of its steps and waits.
        width: of every box.
    """

    def __init__(self, cells: Cells, width: float) -> None:
        self.width = width
        self._children = cells.children
        self._steps: Iterator[tuple[int, Cell]] = iter(enumerate(cells.steps))
        self._waits = iter(cells.waits)

    def step(self) -> tuple[int, Cell]:
        """The next command, with its number."""
        return next(self._steps)

    def wait(self) -> Cell:
        """The next wait."""
        return next(self._waits)

    def child(self, number: int) -> Content | None:
        """The content of the child saga that a command is, if it is one."""
        cells = self._children.get(number)
        return None if cells is None else Content(cells, self.width)


def block_of(node: Node, content: Content) -> Block:  # noqa: C901, PLR0911 - a table
    """The block of a node; the nodes are read in the order of the code, as the content is."""
    match node:
        case Issue():
            return _issue(node, content)
        case Wait():
            return boxed(content.wait(), content.width)
        case Sequence(nodes):
            return stacked([block_of(each, content) for each in nodes])
        case FunctionCall(body=body):
            return block_of(body, content)
        case TimeLimit(label=label, body=body):
            return framed(block_of(body, content), label, "limit")
        case Loop(label=label, body=body):
            return framed(block_of(body, content), label, "loop")
        case Branch(arms):
            exits = [(arm, leave) for arm in arms for leave in arm.body.nodes]
            if all(isinstance(leave, Leave) for _, leave in exits):
                return _exits([(arm, leave) for arm, leave in exits if isinstance(leave, Leave)])
            return side_by_side([Lane(block_of(arm.body, content), arm.label) for arm in arms], parallel=False)
        case Try():
            return _try(node, content)
        case Parallel(branches):
            return side_by_side([Lane(block_of(each, content)) for each in branches], parallel=True)
        case Leave(way):
            return _leaving(way.value)
        case Unread():
            return _unread(node, content.width)


def boxed(cell: Cell, width: float) -> Block:
    """A block of one box."""
    begun = cell.look in BEGUN
    pivot = (cell.look is Look.DONE) if cell.is_pivot else None
    box = Box(0.0, 0.0, width, BOX_HEIGHT, cell)
    done = begun and cell.look not in _STAYS
    return Block(width, BOX_HEIGHT, width / 2, (box,), begun=begun, pivot=pivot, done=done)


def _issue(issue: Issue, content: Content) -> Block:
    number, cell = content.step()
    box, child = boxed(cell, content.width), content.child(number)
    if issue.child is None or child is None:
        return box
    inside = block_of(issue.child.root, child)
    if inside.is_empty:
        return box
    return stacked([box, framed(inside, f"in {issue.child.name} v{issue.child.version}", "child")])


def _try(node: Try, content: Content) -> Block:
    body = block_of(node.body, content)
    handlers = [Lane(block_of(handler.body, content), handler.label, "failure") for handler in node.handlers]
    whole = stacked([body, block_of(node.otherwise, content)])
    if handlers:
        whole = side_by_side([Lane(whole, "try"), *handlers], parallel=False)
    return stacked([whole, block_of(node.finally_, content)])


def _exits(exits: list[tuple[Arm, Leave]]) -> Block:
    """Conditions under which the path leaves here; where none holds, it goes on."""
    shapes: list[Shape] = []
    widest = 0.0
    height = _EXIT_LINE * len(exits)
    for position, (arm, leave) in enumerate(exits):
        y = _EXIT_LINE * position + _EXIT_LINE / 2
        said = f"{leave.way.value} {arm.label}"
        text = cut(said, LABEL_ROOM, LABEL_SIZE)
        widest = max(widest, width_of(text, LABEL_SIZE))
        shapes += [Exit(_EXIT, y), Label(_EXIT + _ASIDE, y + LABEL_SIZE / 3, text, said, "label exit")]
    shapes.append(Edge(((_EXIT, 0.0), (_EXIT, height)), walked=False, arrow=False, bypass=True))
    return Block(_EXIT + _ASIDE + widest, height, _EXIT, tuple(shapes), plain=True)


def _leaving(way: str) -> Block:
    label = Label(_EXIT + _ASIDE, _EXIT_LINE / 2 + LABEL_SIZE / 3, way, way, "label exit")
    width = _EXIT + _ASIDE + width_of(way, LABEL_SIZE)
    edge = Edge(((_EXIT, 0.0), (_EXIT, _EXIT_LINE / 2)), walked=False, arrow=False)
    return Block(width, _EXIT_LINE, _EXIT, (edge, Exit(_EXIT, _EXIT_LINE / 2), label), ends=True, plain=True)


def _unread(node: Unread, width: float) -> Block:
    said = f"? line {node.line}: {node.reason}"
    text = cut(said, width, LABEL_SIZE)
    label = Label(width / 2, _NOTE_HEIGHT / 2 + LABEL_SIZE / 3, text, said, "label unread", "middle")
    return Block(width, _NOTE_HEIGHT, width / 2, (label,))
