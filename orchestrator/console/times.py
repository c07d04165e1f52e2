"""Instants and spans of time, as a person reads them; all are nanoseconds, instants since the epoch, UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_SECOND: Final = 1_000_000_000
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_SOON_SECONDS: Final = 10
_MILLISECOND: Final = 1_000_000


def iso(instant: int) -> str:
    """For machines, such as ``2026-11-26T05:12:43Z``."""
    return datetime.fromtimestamp(instant // _SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local(instant: int) -> str:
    """In the zone of this machine, with its offset, such as ``2026-11-26 06:12:43 +01:00``."""
    shown = datetime.fromtimestamp(instant // _SECOND, UTC).astimezone()
    offset = shown.strftime("%z")
    return f"{shown:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:]}"


def in_words(span: int) -> str:
    """A span in its largest whole unit, such as ``3 minutes``; below a second in milliseconds."""
    seconds = span // _SECOND
    for size, name in _UNITS:
        if seconds >= size:
            number = seconds // size
            return f"{number} {name}{'s' if number != 1 else ''}"
    if seconds:
        return f"{seconds} second{'s' if seconds != 1 else ''}"
    return f"{max(span, 0) // _MILLISECOND} ms"


def age(instant: int, now: int) -> str:
    """How long ago an instant was, or in how long it comes."""
    if abs(now - instant) < _SOON_SECONDS * _SECOND:
        return "just now" if instant <= now else "in a moment"
    return f"{in_words(now - instant)} ago" if instant < now else f"in {in_words(instant - now)}"
