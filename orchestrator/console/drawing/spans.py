"""Spans of time in words, and instants on a scale; all are nanoseconds, instants since the epoch, UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_EXACT_BELOW: Final = 10 * SECOND
_FEW: Final = 10 * MILLISECOND
_TENTH: Final = MILLISECOND // 10


def in_words(span: int) -> str:
    """A span in its two largest units: ``2 days, 3 hours``, ``1 minute, 5 seconds``, ``1.2 s``, ``12 ms``."""
    if span < MILLISECOND:
        return f"{max(span, 0) // _MICROSECOND} µs" if span >= _MICROSECOND else "0 ms"
    if span < SECOND:
        few = span < _FEW and span % MILLISECOND >= _TENTH
        return f"{span / MILLISECOND:.1f} ms" if few else f"{span // MILLISECOND} ms"
    if span < _EXACT_BELOW:
        return f"{span / SECOND:.1f} s"
    left, parts = round(span / SECOND), list[str]()
    for size, name in _UNITS:
        number, left = divmod(left, size)
        if number or parts:
            parts.append(f"{number} {name}{'' if number == 1 else 's'}" if number else "")
    return ", ".join(filter(None, parts[:2]))


def clock(instant: int, *, exact: bool = False) -> str:
    """The time of the day in the zone of this machine: ``14:03:22``, or with milliseconds."""
    at = datetime.fromtimestamp(instant // SECOND, UTC).astimezone()
    text = f"{at:%H:%M:%S}"
    return f"{text}.{instant % SECOND // MILLISECOND:03}" if exact else text


def day(instant: int) -> str:
    """The day in the zone of this machine, with its offset: ``2026-11-26 +01:00``."""
    at = datetime.fromtimestamp(instant // SECOND, UTC).astimezone()
    offset = at.strftime("%z")
    return f"{at:%Y-%m-%d} {offset[:3]}:{offset[3:]}"
