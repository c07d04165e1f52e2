"""Says when something was or will be: in the time of this machine, with its zone, and how long that is from now.

::

    instant_text   2026-11-26 06:12:49 +01:00
    aged_text      2026-11-26 06:12:49 +01:00 (3 minutes ago)
    age_text       3 minutes ago; in 5 seconds; just now
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from orchestrator.contract.wording import counted

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def now() -> datetime:
    """This instant, by the clock of this machine."""
    return datetime.now(UTC)


def instant_text(instant: Timestamp) -> str:
    """An instant, to the second."""
    here = _here(instant)
    return f"{here:%Y-%m-%d %H:%M:%S} {_zone(here)}"


def clock_text(instant: Timestamp) -> str:
    """What the clock shows at an instant that is near."""
    here = _here(instant)
    return f"{here:%H:%M:%S} {_zone(here)}"


def day_text(instant: Timestamp) -> str:
    """The day of an instant, and the zone in which it is that day."""
    here = _here(instant)
    return f"{here:%Y-%m-%d} {_zone(here)}"


def time_text(instant: Timestamp) -> str:
    """The time of an instant on its day, to the millisecond."""
    return _here(instant).time().isoformat(timespec="milliseconds")


def aged_text(instant: Timestamp) -> str:
    """An instant, and how long ago it was or how soon it comes."""
    return f"{instant_text(instant)} ({age_text(instant)})"


def age_text(instant: Timestamp) -> str:
    """How long ago it was, or how soon it comes, in the largest unit of which there is at least one."""
    past = now() - instant.ToDatetime(UTC)
    words = span_words(abs(past))
    if not words:
        return "just now"
    return f"{words} ago" if past > timedelta() else f"in {words}"


def so_far_text(since: Timestamp) -> str:
    """How long it has lasted until now, such as ``3 minutes so far``."""
    return f"{span_words(now() - since.ToDatetime(UTC)) or 'no time'} so far"


def span_words(span: timedelta) -> str:
    """A span in the largest unit of which there is at least one, such as ``3 minutes``; empty below a second."""
    seconds = int(span.total_seconds())
    for unit, size in _UNITS:
        if seconds >= size:
            return counted(seconds // size, unit)
    return ""


def _here(instant: Timestamp) -> datetime:
    at = instant.ToDatetime(UTC)
    try:
        return at.astimezone()
    except (OverflowError, OSError, ValueError):  # the first and the last day that there is
        return at


def _zone(here: datetime) -> str:
    offset = f"{here:%z}"
    return "UTC" if offset == "+0000" else f"{offset[:3]}:{offset[3:5]}"
