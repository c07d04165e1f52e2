"""The rollback of a saga beside its flow: from the bottom to the top, numbered in its order.

::

    ┌───────────┐
    │ Reserve  2│┄┄┄ ( 2 Release )     each sign stands where its step is, or above the one before it
    └─────┬─────┘         ▲
    ┌─────▼─────┐         │
    │ Authorize 1│┄┄ ( 1 Void )
    └───────────┘
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.console.drawing.letters import cut, width_of
from orchestrator.console.drawing.looks import Look, sign, together
from orchestrator.console.drawing.svg import element, path, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.console.drawing.shapes import Box

_ASIDE: Final = 34.0
_HEIGHT: Final = 24.0
_APART: Final = 34.0
_TOP: Final = 58.0
_SIZE: Final = 11.0
_INSET: Final = 10.0
_SIGN: Final = 18.0
_BADGE: Final = 9.0
_WIDEST: Final = 200.0
_NARROWEST: Final = 150.0
_MOST: Final = 3


class Stop(NamedTuple):
    """A compensation beside the flow: of one step, all of its calls.

    Attributes:
        box: the step that is compensated.
        y: the middle of the sign, in pixels.
        number: its place in the rollback, or several.
        text: the number, and what compensates.
        look: how far it has come.
    """

    box: Box
    y: float
    number: str
    text: str
    look: Look


def stops(boxes: Iterable[Box]) -> list[Stop]:
    """The compensations in their order, each at the height of its step, or above the one before it."""
    undone = sorted((box for box in boxes if box.cell.undone), key=lambda box: box.cell.undone[0][0])
    found: list[Stop] = []
    for box in undone:
        y = box.y + box.height / 2
        if found:
            y = min(y, found[-1].y - _APART)
        number = _numbers([position for position, _ in box.cell.undone])
        text = cut(f"{number} {box.cell.undo}", _WIDEST, _SIZE)
        found.append(Stop(box, y, number, text, _whole([look for _, look in box.cell.undone])))
    above = _TOP - min((stop.y for stop in found), default=_TOP)
    return [stop._replace(y=stop.y + max(above, 0.0)) for stop in found]


def reach(found: Sequence[Stop], right: float) -> tuple[float, float]:
    """How far to the right and down the rollback reaches, in pixels; ``right`` is where the flow ends."""
    if not found:
        return right, 0.0
    return right + _ASIDE + _wide(found), found[0].y + 2 * _HEIGHT


def rollback(
    found: Sequence[Stop], boxes: Sequence[Box], right: float, *, planned: bool, end: str = ""
) -> Iterator[str]:
    """The signs, the line through them, and the numbers on the boxes.

    Args:
        found: the compensations in their order.
        boxes: of the whole flow.
        right: where the flow ends, as far down as the rollback goes.
        planned: nothing of it has happened: it is what a cancel would do.
        end: the status to which it has led; empty where it has not ended.
    """
    if not found:
        return
    left, wide = right + _ASIDE, _wide(found)
    axis = left + wide / 2
    bottom = found[0].y + 1.5 * _HEIGHT
    content = [words("would be compensated" if planned else "rollback", axis, bottom + _SIZE, "label", "middle")]
    content += [_connector(stop, left) for stop in found if not _is_hidden(stop.box, boxes)]
    below = bottom - _HEIGHT / 4
    for stop in found:
        tip = stop.y + _HEIGHT / 2
        content.append(_arrow(axis, below, tip, stop.look))
        below = stop.y - _HEIGHT / 2
    if end:
        content.append(_arrow(axis, below, below - _APART / 2, Look.DONE))
        content.append(_end(end, left, wide, below - _APART / 2 - _HEIGHT))
    content += [_stop(stop, left, wide) for stop in found]
    content += [_badge(stop) for stop in found]
    yield element("g", *content, class_="rollback planned" if planned else "rollback")


def _arrow(axis: float, below: float, tip: float, look: Look) -> str:
    head = f"M{axis - 4.5:g} {tip + 8:g} H{axis + 4.5:g} L{axis:g} {tip:g} Z"
    line = element("path", class_=f"way {look}", d=path([(axis, below), (axis, tip)]))
    return line + element("path", class_=f"tip {look}", d=head)


def _end(text: str, left: float, wide: float, top: float) -> str:
    pill = element("rect", class_="body", x=left, y=top, width=wide, height=_HEIGHT, rx=_HEIGHT / 2)
    return element(
        "g", pill, words(text, left + wide / 2, top + _HEIGHT / 2 + _SIZE / 3, "terminal-text", "middle"), class_="end"
    )


def _stop(stop: Stop, left: float, wide: float) -> str:
    top = stop.y - _HEIGHT / 2
    return element(
        "g",
        element("rect", class_="body", x=left, y=top, width=wide, height=_HEIGHT, rx=_HEIGHT / 2),
        sign(stop.look, left + _INSET + 4, stop.y),
        words(stop.text, left + _INSET + _SIGN, stop.y + _SIZE / 3, "told"),
        class_=f"compensation {stop.look}",
    )


def _badge(stop: Stop) -> str:
    wide = max(2 * _BADGE, width_of(stop.number, _SIZE) + _BADGE)
    x, y = stop.box.x + stop.box.width - wide + _BADGE / 2, stop.box.y - _BADGE
    return element(
        "g",
        element("rect", class_="body", x=x, y=y, width=wide, height=2 * _BADGE, rx=_BADGE),
        words(stop.number, x + wide / 2, y + _BADGE + _SIZE / 3, "number", "middle"),
        class_=f"badge {stop.look}",
    )


def _connector(stop: Stop, left: float) -> str:
    edge, middle = stop.box.x + stop.box.width, stop.box.y + stop.box.height / 2
    turn = left - _ASIDE / 3
    points = [(left, stop.y), (edge, stop.y)]
    if abs(stop.y - middle) > stop.box.height / 2:
        points = [(left, stop.y), (turn, stop.y), (turn, middle), (edge, middle)]
    return element("path", class_="connector", d=path(points, 6.0))


def _is_hidden(box: Box, boxes: Sequence[Box]) -> bool:
    """Another box stands between this one and the right side."""
    return any(
        other.x > box.x + box.width and other.y < box.y + box.height and other.y + other.height > box.y
        for other in boxes
    )


def _wide(found: Sequence[Stop]) -> float:
    widest = max(width_of(stop.text, _SIZE, bold=True) for stop in found)
    return max(widest + 2 * _INSET + _SIGN, _NARROWEST)


def _whole(looks: list[Look]) -> Look:
    """The look of several compensations of one step: done only where all are."""
    under_way = [look for look in looks if look not in {Look.DONE, Look.NOT_BEGUN}]
    if under_way:
        return together(under_way)
    return Look.DONE if all(look is Look.DONE for look in looks) else Look.NOT_BEGUN


def _numbers(positions: list[int]) -> str:
    """``2``; ``2, 4``; ``1-9`` where they follow one another; ``2 … 18`` where they are many."""
    first, last = positions[0], positions[-1]
    if len(positions) > 1 and last - first == len(positions) - 1:
        return f"{first}-{last}"
    return ", ".join(map(str, positions)) if len(positions) <= _MOST else f"{first} … {last}"
