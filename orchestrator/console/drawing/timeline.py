"""The time of a saga as a picture: a row for each command, wait and compensation, its attempts and backoffs to scale.

Where nothing happens for long, the scale has a break with the length of the gap, so that two idle days do not squeeze
the milliseconds in which everything happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.console.drawing.letters import cut, width_of
from orchestrator.console.drawing.spans import clock, day, in_words
from orchestrator.console.drawing.svg import document, element, title, words
from orchestrator.console.drawing.timeline_rows import Happenings, Row, Span, happenings
from orchestrator.console.drawing.timeline_scale import Scale

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.engine.sagas import Waiting
    from orchestrator.journal.entries import Entry

_MARGIN: Final = 12.0
_SIZE: Final = 11.0
_LABELS: Final = 236.0
_END: Final = 112.0
_AXIS: Final = 58.0
_ROW: Final = 22.0
_BAR: Final = 12.0
_THIN: Final = 4.0
_LEAST: Final = 3.0
_INDENT: Final = 14.0
_MOST_ROWS: Final = 500
_ATTEMPTS: Final = frozenset({"done", "failed", "in-doubt", "in-progress"})
_LEGEND: Final = (
    ("done", "done"),
    ("failed", "failed"),
    ("in-doubt", "no answer"),
    ("in-progress", "in progress"),
    ("backoff", "backoff"),
    ("wait", "waits"),
    ("undo", "compensation"),
)


def timeline_svg(
    entries: Sequence[Entry], now: int, *, waiting: Iterable[Waiting] = (), name: str = "timeline", style: str = ""
) -> str:
    """The time of a saga.

    Args:
        entries: its whole journal, from its start.
        now: the instant of the picture, nanoseconds since the epoch, UTC; of an ended saga, its end counts instead.
        waiting: what the saga waits for at this moment.
        name: the picture's class, and the beginning of the ids in it.
        style: a style sheet to carry along; empty in a page that has one.
    """
    told = happenings(entries, now, frozenset(each.key for each in waiting if each.service))
    rows = told.rows[:_MOST_ROWS]
    scale = Scale(_instants(told), _busy(told), _MARGIN + _LABELS)
    bottom = _AXIS + _ROW * len(rows) + _MARGIN / 2
    content = [
        *_behind(told, scale, bottom),
        *(_row(row, scale, _AXIS + _ROW * place) for place, row in enumerate(rows)),
        *_axis(told, scale, bottom),
        *_legend(rows, bottom + _MARGIN, len(told.rows) - len(rows)),
    ]
    size = (scale.right + _END, bottom + 3 * _MARGIN + _SIZE)
    return document(name, (_title(told), _description(rows)), size, *content, style=style)


def _instants(told: Happenings) -> Iterator[int]:
    yield from (told.start, told.until)
    for span in [*told.bands, *(span for row in told.rows for span in row.spans)]:
        yield from (min(max(at, told.start), told.until) for at in (span.start, span.end))
    yield from (mark.at for mark in told.marks if told.start <= mark.at <= told.until)


def _busy(told: Happenings) -> Iterator[tuple[int, int]]:
    """The times in which an attempt was under way."""
    for row in told.rows:
        yield from ((span.start, span.end) for span in row.spans if span.kind in _ATTEMPTS)


def _behind(told: Happenings, scale: Scale, bottom: float) -> Iterator[str]:
    """What lies behind the rows: times in which the saga rested, breaks of the scale, marks."""
    for band in told.bands:
        left, wide = _reach(band, scale)
        rest = element("rect", x=left, y=_AXIS - 4, width=wide, height=bottom - _AXIS + 4)
        yield element("g", title(band.hint), rest, class_=f"band {band.kind}")
    for gap in scale.breaks:
        yield element(
            "g",
            title(f"nothing happened for {gap.text}"),
            element("rect", x=gap.left, y=_AXIS - 22, width=gap.right - gap.left, height=bottom - _AXIS + 22),
            words(gap.text, (gap.left + gap.right) / 2, _AXIS - 8, "label", "middle"),
            class_="break",
        )
    for mark in told.marks:
        x = scale.x(mark.at)
        line = element("line", x1=x, y1=_AXIS - 4, x2=x, y2=bottom)
        yield element("g", title(f"{mark.text} at {clock(mark.at, exact=True)}"), line, class_=f"mark {mark.kind}")


def _row(row: Row, scale: Scale, top: float) -> str:
    indent = _INDENT if row.kind == "compensation" else 0.0
    label = words(
        cut(row.label, _LABELS - _MARGIN - indent, _SIZE), _MARGIN + indent, top + _ROW / 2 + _SIZE / 3, "row-label"
    )
    base = element("line", class_="base", x1=scale.left, y1=top + _ROW, x2=scale.right, y2=top + _ROW)
    # A backoff or a wait is a thin line behind the attempts.
    thin_first = sorted(row.spans, key=lambda span: span.kind not in {"backoff", "wait"})
    spans = [_span(span, scale, top) for span in thin_first]
    return element("g", title(row.key), base, label, *spans, class_=f"row {row.kind}")


def _span(span: Span, scale: Scale, top: float) -> str:
    left, wide = _reach(span, scale)
    height = _THIN if span.kind == "backoff" else _BAR
    shape = element("rect", x=left, y=top + (_ROW - height) / 2, width=wide, height=height, rx=min(2.0, height / 2))
    if span.kind == "decided":
        middle = top + _ROW / 2
        shape = element("circle", cx=left, cy=middle, r=5)
    return element("g", title(span.hint), shape, class_=f"span {span.kind}")


def _axis(told: Happenings, scale: Scale, bottom: float) -> Iterator[str]:
    yield words(day(told.start), _MARGIN, 16, "label")
    yield words(f"took {in_words(told.until - told.start)}" if told.ended else "up to now", _MARGIN, 32, "label")
    yield element("line", class_="axis", x1=scale.left, y1=_AXIS - 4, x2=scale.right, y2=_AXIS - 4)
    for tick in scale.ticks():
        yield element(
            "line", class_="tick main" if tick.main else "tick", x1=tick.x, y1=_AXIS - 26, x2=tick.x, y2=_AXIS - 4
        )
        yield words(
            tick.text, tick.x + 3, _AXIS - 28 if tick.main else _AXIS - 14, "instant main" if tick.main else "instant"
        )
    x = scale.x(told.until)
    text = "end" if told.ended else "now"
    yield element("line", class_=f"edge-of-time {text}", x1=x, y1=_AXIS - 4, x2=x, y2=bottom)
    yield words(text, x + 3, _AXIS + 6, "label")


def _legend(rows: Sequence[Row], y: float, left_out: int) -> Iterator[str]:
    x = _MARGIN
    shown = {span.kind for row in rows for span in row.spans}
    shown |= {"undo" for row in rows if row.kind == "compensation"}
    for kind, text in _LEGEND:
        if kind not in shown:
            continue
        height = _THIN if kind == "backoff" else _SIZE
        swatch = element("rect", x=x, y=y + (_SIZE - height) / 2, width=14, height=height, rx=2)
        yield element("g", swatch, class_=f"row compensation {kind}" if kind == "undo" else f"span {kind}")
        yield words(text, x + 19, y + _SIZE - 2, "label")
        x += 19 + width_of(text, _SIZE) + 2 * _MARGIN
    if left_out > 0:
        yield words(f"{left_out} more rows are not drawn", x, y + _SIZE - 2, "label")


def _reach(span: Span, scale: Scale) -> tuple[float, float]:
    left = scale.x(span.start)
    return left, max(scale.x(span.end) - left, _LEAST)


def _title(told: Happenings) -> str:
    span = in_words(told.until - told.start)
    return f"The time of the saga, which took {span}" if told.ended else f"The time of the saga, which has taken {span}"


def _description(rows: Sequence[Row]) -> str:
    """Every row in a sentence, for those who cannot see the picture."""
    told = (f"{row.label}: {', then '.join(span.hint for span in row.spans) or 'not begun'}" for row in rows)
    return "; ".join(told) or "Nothing has happened yet."
