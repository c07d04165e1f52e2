"""The shapes of a flow, placed: where each stands, in pixels, from the upper left corner of what holds it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from orchestrator.console.drawing.cells import Cell

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A step or a wait; its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float
    cell: Cell


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one shape to another.

    Attributes:
        points: along which it runs; each with the next on a horizontal or a vertical line.
        walked: the saga has gone this way.
        arrow: it ends with the head of an arrow.
        kind: ``""``; ``failure`` for the way to a handler; ``again`` for the way back to the beginning of a loop.
        bypass: it passes by all the steps of its block.
    """

    points: tuple[Point, ...]
    walked: bool
    arrow: bool = True
    kind: str = ""
    bypass: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds the steps of a loop, of a time limit, of a child saga, or of what no plan tells.

    Attributes:
        beside: where its label begins, from its left side: beside the way into it.
        label: as the code begins, cut to the room.
        hint: the whole of it.
        kind: ``loop``, ``limit``, ``child`` or ``outside``.
    """

    x: float
    y: float
    width: float
    height: float
    beside: float
    label: str
    hint: str
    kind: str


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text at a way; ``y`` is its baseline."""

    x: float
    y: float
    text: str
    hint: str = ""
    kind: str = "label"
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Bar:
    """Where ways part that run side by side, or come together again."""

    x: float
    y: float
    width: float
    walked: bool


@dataclass(frozen=True, slots=True)
class Fork:
    """Where exactly one of several ways is taken."""

    x: float
    y: float
    walked: bool


@dataclass(frozen=True, slots=True)
class Exit:
    """Where a path may leave the code around it."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Terminal:
    """The beginning or the end of a saga."""

    x: float
    y: float
    width: float
    height: float
    text: str
    begun: bool


@dataclass(frozen=True, slots=True)
class PivotLine:
    """The line after the pivot, over which the saga does not go back; as wide as the lane that it crosses.

    Attributes:
        axis: where it crosses the way, in pixels.
    """

    x: float
    y: float
    width: float
    axis: float
    passed: bool


Shape: TypeAlias = Box | Edge | Frame | Label | Bar | Fork | Exit | Terminal | PivotLine


def moved(shape: Shape, by_x: float, by_y: float) -> Shape:
    """The shape at another place."""
    if isinstance(shape, Edge):
        return replace(shape, points=tuple((x + by_x, y + by_y) for x, y in shape.points))
    if isinstance(shape, PivotLine):
        return replace(shape, x=shape.x + by_x, y=shape.y + by_y, axis=shape.axis + by_x)
    return replace(shape, x=shape.x + by_x, y=shape.y + by_y)
