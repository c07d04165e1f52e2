"""Elements of SVG as text. Every text is escaped here, and what XML cannot hold is left out."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# A saga's journal keeps whatever a participant said; XML 1.0 has no place for most control characters.
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


_WHOLE: Final = {"width": "100%", "height": "100%"}


def element(name: str, *content: str, **attributes: float | str | None) -> str:
    """An element.

    Args:
        name: of the element.
        content: elements, or escaped text.
        attributes: ``class_`` stands for ``class``, and other underscores for hyphens; ``None`` for no attribute.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{said}>{''.join(content)}</{name}>" if content else f"<{name}{said}/>"


def escaped(text: str) -> str:
    """A text within an element or an attribute."""
    return html.escape(_ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text))


def words(text: str, x: float, y: float, class_: str, anchor: str | None = None) -> str:
    """A line of text, whose baseline begins at a point, or ends or is centred there: ``end`` and ``middle``."""
    return element("text", escaped(text), x=x, y=y, class_=class_, text_anchor=anchor)


def title(text: str) -> str:
    """What a pointer that rests on an element is told."""
    return element("title", escaped(text))


def path(points: Sequence[tuple[float, float]], radius: float = 0.0) -> str:
    """The ``d`` of a path along points, its corners rounded.

    Args:
        points: two or more, each with the next one on a horizontal or a vertical line.
        radius: of the corners; less where there is no room.
    """
    drawn = [f"M{_number(points[0][0])} {_number(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        room = min(radius, _far(before, corner) / 2, _far(corner, after) / 2)
        (in_x, in_y), (out_x, out_y) = _towards(corner, before, room), _towards(corner, after, room)
        drawn.append(f"L{_number(in_x)} {_number(in_y)}")
        drawn.append(f"Q{_number(corner[0])} {_number(corner[1])} {_number(out_x)} {_number(out_y)}")
    drawn.append(f"L{_number(points[-1][0])} {_number(points[-1][1])}")
    return "".join(drawn)


def document(name: str, told: tuple[str, str], size: tuple[float, float], *content: str, style: str = "") -> str:
    """A whole picture, which a screen reader reads as its title and its description.

    Args:
        name: its class, and the beginning of the ids in it.
        told: its title and its description.
        size: its width and height in pixels.
        content: elements.
        style: a style sheet to carry along, so that the picture stands alone in a file; empty in a page, which has one.
    """
    width, height = size
    return element(
        "svg",
        element("title", escaped(told[0]), id=f"{name}-title"),
        element("desc", escaped(told[1]), id=f"{name}-desc"),
        *((element("style", escaped(style)), element("rect", class_="paper", **_WHOLE)) if style else ()),
        *content,
        xmlns="http://www.w3.org/2000/svg",
        class_=f"drawing {name}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        width=width,
        height=height,
        viewBox=f"0 0 {_number(width)} {_number(height)}",
    )


def _value(value: float | str) -> str:
    return escaped(value) if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _far(one: tuple[float, float], other: tuple[float, float]) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(start: tuple[float, float], end: tuple[float, float], by: float) -> tuple[float, float]:
    far = _far(start, end)
    share = by / far if far else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
