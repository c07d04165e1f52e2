"""Blocks: parts of a flow whose size is known before their place is, and how they are put together.

::

    stacked            side_by_side                framed
       │                  ┌──◇──┐                 ┌ for … ───┐
     block                │     │                 │    │     │
       │                block block               │  block   │
     block                └──┬──┘                 └────┼─────┘

A path enters a block at its top and leaves it at its bottom, both at its axis.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.console.drawing.letters import cut, width_of
from orchestrator.console.drawing.shapes import Bar, Edge, Fork, Frame, Label, PivotLine, moved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.console.drawing.shapes import Shape

GAP: Final = 22.0
"""Between two blocks of a stack."""
PIVOT_GAP: Final = 46.0
"""After a pivot, where the line is."""
LANE_GAP: Final = 26.0
LABEL_SIZE: Final = 11.0
LABEL_ROOM: Final = 220.0
_LABEL_HEIGHT: Final = 16.0
_LABEL_ASIDE: Final = 7.0
_FORK: Final = 10.0
_BAR: Final = 4.0
_TURN: Final = 14.0
_PADDING: Final = 16.0
_HEADER: Final = 26.0
_AGAIN: Final = 14.0


class Part(NamedTuple):
    """A block within another one.

    Attributes:
        lane: a line across the flow ends at its sides; else it goes on to those of the block around it.
    """

    x: float
    y: float
    block: Block
    lane: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a flow.

    Attributes:
        axis: where paths enter and leave it, from its left side.
        shapes: its own.
        parts: the blocks in it.
        begun: the saga has come there.
        done: it has gone on from there.
        ends: no path leaves it at its bottom.
        pivot: it is the pivot: ``None`` where it is not, else whether the saga has passed it.
        plain: the way into it ends without the head of an arrow.
    """

    width: float = 0.0
    height: float = 0.0
    axis: float = 0.0
    shapes: tuple[Shape, ...] = ()
    parts: tuple[Part, ...] = ()
    begun: bool = False
    ends: bool = False
    pivot: bool | None = None
    plain: bool = False
    done: bool = False

    @property
    def is_empty(self) -> bool:
        """There is nothing in it."""
        return not self.shapes and not self.parts


class Lane(NamedTuple):
    """One of several ways side by side; its label as its code begins."""

    block: Block
    label: str = ""
    kind: str = ""


def placed(block: Block, x: float, y: float, lane: tuple[float, float]) -> Iterator[Shape]:
    """Every shape of a block whose upper left corner is put at a point; a lane is its left and its right side."""
    for shape in block.shapes:
        at = moved(shape, x, y)
        yield replace(at, x=lane[0], width=lane[1] - lane[0]) if isinstance(at, PivotLine) else at
    for part in block.parts:
        left = x + part.x
        sides = (left, left + part.block.width) if part.lane else lane
        yield from placed(part.block, left, y + part.y, sides)


def stacked(blocks: Sequence[Block]) -> Block:
    """Blocks one after the other, their axes in one line."""
    blocks = [block for block in blocks if not block.is_empty]
    if len(blocks) <= 1:
        return blocks[0] if blocks else Block()
    axis = max(block.axis for block in blocks)
    y = 0.0
    parts: list[Part] = []
    shapes: list[Shape] = []
    for position, block in enumerate(blocks):
        after = blocks[position + 1 :]
        walked = _any_begun(after)  # what has come further has come along here
        parts.append(Part(axis - block.axis, y, _passed(block) if walked and not block.begun else block))
        y += block.height
        if not after:
            break
        gap = GAP if block.pivot is None else PIVOT_GAP
        if not block.ends:
            shapes.append(Edge(((axis, y), (axis, y + gap)), walked, arrow=not after[0].plain))
        if block.pivot is not None:
            shapes.append(PivotLine(0.0, y + gap / 2, 0.0, axis, block.pivot))
        y += gap
    width = axis + max(block.width - block.axis for block in blocks)
    last = blocks[-1]
    return Block(
        width, y, axis, tuple(shapes), tuple(parts), _any_begun(blocks), last.ends, last.pivot, blocks[0].plain
    )


def side_by_side(lanes: Sequence[Lane], *, parallel: bool) -> Block:
    """Ways of which one is taken, or of which all are: then they part and meet at bars.

    Args:
        lanes: in the order of the code.
        parallel: all are taken.
    """
    lanes = [lane._replace(block=_closed(lane.block)) for lane in lanes]
    labelled = _LABEL_HEIGHT if any(lane.label for lane in lanes) else 0.0
    top = (_BAR if parallel else _FORK) + labelled + _TURN
    bottom = top + max(lane.block.height for lane in lanes)
    axes, parts, width = _beside(lanes, top)
    axis = axes[0]  # the first way goes straight on, so that the left side is what a narrow screen has to show
    height = bottom + _TURN + (_BAR if parallel else 0.0)
    shapes: list[Shape] = []
    for lane, at in zip(lanes, axes, strict=True):
        shapes += _beam(lane, at, (top, bottom)) if parallel else _way(lane, at, axis, (top, bottom))
        if lane.label:
            text = cut(lane.label, LABEL_ROOM, LABEL_SIZE)
            shapes.append(Label(at + _LABEL_ASIDE, _FORK + _LABEL_HEIGHT, text, lane.label))
    begun = _any_begun([lane.block for lane in lanes])
    done = (all if parallel else any)(lane.block.done for lane in lanes)
    if parallel:
        left, across = axes[0] - _PADDING, axes[-1] - axes[0] + 2 * _PADDING
        shapes += [Bar(left, 0.0, across, begun), Bar(left, bottom + _TURN, across, done)]
    else:
        shapes.append(Fork(axis, _FORK, begun))
    ends = all(lane.block.ends for lane in lanes)
    return Block(width, height, axis, tuple(shapes), tuple(parts), begun, ends, plain=parallel, done=done)


def _closed(block: Block) -> Block:
    """A block whose last step is the pivot, with the line after it: more follows where nobody can see it here."""
    if block.pivot is None or block.ends:
        return block
    height, axis = block.height, block.axis
    line = PivotLine(0.0, height + PIVOT_GAP / 2, 0.0, axis, block.pivot)
    edge = Edge(((axis, height), (axis, height + PIVOT_GAP)), block.pivot, arrow=False)
    return replace(block, height=height + PIVOT_GAP, shapes=(*block.shapes, edge, line), pivot=None)


def _beside(lanes: Sequence[Lane], top: float) -> tuple[list[float], list[Part], float]:
    """The axes of lanes side by side, their blocks, and the width of all."""
    axes, parts, width = list[float](), list[Part](), 0.0
    for lane in lanes:
        block = lane.block
        label = _LABEL_ASIDE + width_of(cut(lane.label, LABEL_ROOM, LABEL_SIZE), LABEL_SIZE) if lane.label else 0.0
        left = max(block.axis, _FORK)
        axes.append(width + left)
        parts.append(Part(width + left - block.axis, top, block, lane=True))
        width += left + max(block.width - block.axis, label, _FORK) + LANE_GAP
    return axes, parts, width - LANE_GAP


def framed(block: Block, label: str, kind: str) -> Block:
    """A block with a frame around it; that of a loop has a way back to its beginning."""
    block = _closed(block)
    again = _AGAIN if kind == "loop" else 0.0
    text = cut(label, LABEL_ROOM, LABEL_SIZE)
    axis = _PADDING + block.axis
    beside = axis + _LABEL_ASIDE
    width = max(block.width + 2 * _PADDING, beside + width_of(text, LABEL_SIZE) + _PADDING / 2) + again
    height = _HEADER + block.height + _PADDING
    foot = _HEADER + block.height
    # The border is crossed a little above and below the block.
    shapes: list[Shape] = [
        Frame(0.0, 0.0, width, height, beside, text, label, kind),
        Edge(((axis, 0.0), (axis, _HEADER)), block.begun, arrow=not block.plain),
    ]
    if not block.ends:
        shapes.append(Edge(((axis, foot), (axis, height)), block.done, arrow=False))
    if kind == "loop":
        right, middle = width - _AGAIN, foot + _PADDING / 2
        points = ((axis, middle), (right, middle), (right, _HEADER - 7), (axis, _HEADER - 7))
        shapes.append(Edge(points, walked=False, arrow=False, kind="again"))
    inside = Part(_PADDING, _HEADER, block, lane=True)
    return Block(width, height, axis, tuple(shapes), (inside,), block.begun, block.ends, done=block.done)


def _beam(lane: Lane, at: float, heights: tuple[float, float]) -> list[Shape]:
    """The edges of a lane between two bars."""
    top, bottom = heights
    block = lane.block
    enters = Edge(((at, _BAR), (at, top)), block.begun, arrow=not block.plain)
    leaves = Edge(((at, top + block.height), (at, bottom + _TURN)), block.done, arrow=False)
    return [enters] if block.ends else [enters, leaves]


def _way(lane: Lane, at: float, axis: float, heights: tuple[float, float]) -> list[Shape]:
    """The edges into a lane that may be taken, and out of it."""
    top, bottom = heights
    block, meets = lane.block, bottom + _TURN
    enters = [(axis, 0.0), (axis, _FORK), (at, _FORK)]
    leaves = [(at, meets), (axis, meets)]
    if block.is_empty:
        return [Edge(_straight([*enters, *leaves]), walked=False, arrow=False, kind=lane.kind, bypass=not lane.kind)]
    edges: list[Shape] = [Edge(_straight([*enters, (at, top)]), block.begun, not block.plain, lane.kind)]
    if not block.ends:
        edges.append(Edge(_straight([(at, top + block.height), *leaves]), block.done, arrow=False))
    return edges


def _straight(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The points without those that repeat, or lie on a straight line between two others."""
    kept: list[tuple[float, float]] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and (kept[-2][0] == kept[-1][0] == point[0] or kept[-2][1] == kept[-1][1] == point[1]):
            kept.pop()
        kept.append(point)
    return tuple(kept)


def _passed(block: Block) -> Block:
    """A block of which the saga has passed by all the steps."""
    shapes = (
        replace(shape, walked=True) if isinstance(shape, Edge) and shape.bypass else shape for shape in block.shapes
    )
    return replace(block, shapes=tuple(shapes))


def _any_begun(blocks: Sequence[Block]) -> bool:
    return any(block.begun for block in blocks)
