"""Draws the shapes of a flow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from orchestrator.console.drawing.letters import cut, width_of
from orchestrator.console.drawing.looks import sign
from orchestrator.console.drawing.shapes import Bar, Box, Edge, Exit, Fork, Frame, Label, PivotLine, Terminal
from orchestrator.console.drawing.svg import element, path, title, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.console.drawing.cells import Cell
    from orchestrator.console.drawing.shapes import Shape

TITLE_SIZE: Final = 13.0
TEXT_SIZE: Final = 11.0
_NARROWEST, _WIDEST = 148.0, 236.0
_INSET: Final = 12.0
_SIGN_ROOM: Final = 24.0
_LINES: Final = (19.0, 35.0, 50.0)
_CORNER: Final = 9.0
_TURN: Final = 8.0
_HEAD: Final = 4.5
_FORK: Final = 7.0
_PILL: Final = 18.0
_POINT_OF_NO_RETURN: Final = "point of no return"


def box_width(cells: Iterable[Cell]) -> float:
    """The width of every box, so that the texts of all have room; within limits, beyond which texts are cut."""
    widest = max((_needs(cell) for cell in cells), default=0.0)
    return min(max(_NARROWEST, math.ceil(widest)), _WIDEST)


def drawn(shapes: Iterable[Shape]) -> Iterator[str]:
    """The shapes as elements, what lies beneath first."""
    for shape in sorted(shapes, key=_layer):
        yield _drawn(shape)


def _needs(cell: Cell) -> float:
    count = width_of(_count(cell), TEXT_SIZE) + _INSET if cell.times > 1 else 0.0
    lines = (
        _SIGN_ROOM + width_of(cell.title, TITLE_SIZE, bold=True),
        width_of(cell.participant, TEXT_SIZE) + count,
        width_of(cell.told, TEXT_SIZE),
    )
    return max(lines) + 2 * _INSET


def _layer(shape: Shape) -> int:
    match shape:
        case Frame():
            return 0
        case Edge():
            return 2 if shape.walked else 1
        case PivotLine():
            return 3
        case _:
            return 4


def _drawn(shape: Shape) -> str:  # noqa: PLR0911 - a table
    match shape:
        case Box():
            return _box(shape)
        case Edge():
            return _edge(shape)
        case Frame():
            return _frame(shape)
        case Label():
            hint = title(shape.hint) if shape.hint else ""
            return element("g", hint, words(shape.text, shape.x, shape.y, shape.kind, shape.anchor))
        case Bar():
            return element(
                "rect", class_=_walked("bar", shape.walked), x=shape.x, y=shape.y, width=shape.width, height=4
            )
        case Fork():
            turned = f"rotate(45 {shape.x:g} {shape.y:g})"
            at = {"x": shape.x - _FORK, "y": shape.y - _FORK}
            side = 2 * _FORK
            return element(
                "rect", class_=_walked("fork", shape.walked), **at, width=side, height=side, transform=turned
            )
        case Exit():
            return element("circle", class_="way-out", cx=shape.x, cy=shape.y, r=4)
        case Terminal():
            return _terminal(shape)
        case PivotLine():
            return _pivot_line(shape)


def _box(box: Box) -> str:
    cell, room = box.cell, box.width - 2 * _INSET
    count = _count(cell)
    beside = width_of(count, TEXT_SIZE) + _INSET if count else 0.0
    left, right = box.x + _INSET, box.x + box.width - _INSET
    radius = box.height / 2 if cell.kind == "wait" else _CORNER
    content = [
        title(cell.hint),
        element("rect", class_="body", x=box.x, y=box.y, width=box.width, height=box.height, rx=min(radius, 20.0)),
        sign(cell.look, left + _INSET / 2, box.y + _LINES[0] - TITLE_SIZE / 3),
        words(cut(cell.title, room - _SIGN_ROOM, TITLE_SIZE, bold=True), left + _SIGN_ROOM, box.y + _LINES[0], "title"),
        words(cut(cell.participant, room - beside, TEXT_SIZE), left, box.y + _LINES[1], "participant"),
        words(cut(cell.told, room, TEXT_SIZE), left, box.y + _LINES[2], "told"),
    ]
    if count:
        content.append(words(count, right, box.y + _LINES[1], "count", "end"))
    if cell.is_pivot:
        inset = 3.0
        inner = {
            "x": box.x + inset,
            "y": box.y + inset,
            "width": box.width - 2 * inset,
            "height": box.height - 2 * inset,
        }
        content.insert(2, element("rect", class_="second", **inner, rx=_CORNER - inset))
    return element("g", *content, class_=f"{cell.kind} {cell.look}", data_keys=" ".join(cell.keys) or None)


def _count(cell: Cell) -> str:
    return f"\N{MULTIPLICATION SIGN}{cell.times}" if cell.times > 1 else ""


def _edge(edge: Edge) -> str:
    kind = f"{_walked('edge', edge.walked)} {edge.kind}".rstrip()
    line = element("path", class_=kind, d=path(edge.points, _TURN))
    if not edge.arrow:
        return line
    x, y = edge.points[-1]
    return line + element(
        "path", class_=_walked("head", edge.walked), d=f"M{x - _HEAD:g} {y - 8:g} H{x + _HEAD:g} L{x:g} {y:g} Z"
    )


def _frame(frame: Frame) -> str:
    size = {"x": frame.x, "y": frame.y, "width": frame.width, "height": frame.height}
    label = words(frame.label, frame.x + frame.beside, frame.y + 16, "label")
    return element(
        "g",
        title(frame.hint),
        element("rect", class_="border", **size, rx=_CORNER),
        label,
        class_=f"frame {frame.kind}",
    )


def _terminal(terminal: Terminal) -> str:
    size = {"x": terminal.x, "y": terminal.y, "width": terminal.width, "height": terminal.height}
    middle = terminal.x + terminal.width / 2
    text = words(terminal.text, middle, terminal.y + 16, "terminal-text", "middle")
    pill = element("rect", class_="body", **size, rx=terminal.height / 2)
    return element("g", pill, text, class_="terminal begun" if terminal.begun else "terminal")


def _pivot_line(line: PivotLine) -> str:
    """The line, with its name where it crosses the way: nothing goes back over it."""
    wide = width_of(_POINT_OF_NO_RETURN, TEXT_SIZE) + 2 * _INSET
    middle = max(line.axis, line.x + wide / 2)
    pill = {"x": middle - wide / 2, "y": line.y - _PILL / 2, "width": wide, "height": _PILL}
    return element(
        "g",
        title("Once the step above has succeeded, the saga only goes forward: it is not rolled back any more."),
        element("line", x1=line.x, y1=line.y, x2=line.x + line.width, y2=line.y),
        element("rect", **pill, rx=_PILL / 2),
        words(_POINT_OF_NO_RETURN, middle, line.y + TEXT_SIZE / 3, "label", "middle"),
        class_="pivot-line passed" if line.passed else "pivot-line",
    )


def _walked(kind: str, walked: bool) -> str:
    return f"{kind} walked" if walked else kind
