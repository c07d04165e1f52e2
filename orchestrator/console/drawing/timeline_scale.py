"""From instants to pixels: what happens is to scale, and where nothing happens for long, the scale has a break.

::

    14:03:22.120  +20 ms  +40 ms   ≈ 2 days, 3 hours ≈   14:05:01.004  +20 ms
    ├──────┬───────┬───────┤       //                //   ├───────┬────────┤

Invariant: later instants are never further to the left.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.console.drawing.letters import width_of
from orchestrator.console.drawing.spans import MILLISECOND, SECOND, clock, day, in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WIDTH: Final = 760.0
_MOST_BREAKS: Final = 8
# A gap in which no attempt is made is idle when it is so many times as long as all attempts and all shorter gaps.
_IDLE: Final = 2
_SIZE: Final = 11.0
_BREAK_INSET: Final = 14.0
_LEAST_SEGMENT: Final = 24.0
_TICK_APART: Final = 84.0
_TICK_INSET: Final = 10.0
_MINUTE, _HOUR, _DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND
_STEPS: Final = (
    *(number * unit for unit in (1_000, 10_000, 100_000) for number in (1, 2, 5)),
    *(number * unit for unit in (MILLISECOND, 10 * MILLISECOND, 100 * MILLISECOND) for number in (1, 2, 5)),
    *(number * SECOND for number in (1, 2, 5, 10, 15, 30)),
    *(number * _MINUTE for number in (1, 2, 5, 10, 15, 30)),
    *(number * _HOUR for number in (1, 2, 3, 6, 12)),
    *(number * _DAY for number in (1, 2, 7, 30, 90, 365)),
)


class Break(NamedTuple):
    """A time in which nothing happened, from ``left`` to ``right`` in pixels."""

    left: float
    right: float
    text: str


class Tick(NamedTuple):
    """An instant on the axis; ``main`` where it is told by the clock."""

    x: float
    text: str
    main: bool


class _Stretch(NamedTuple):
    """A part of the axis."""

    start: int
    end: int
    left: float
    right: float
    idle: bool


class Scale:
    """The axis of one picture.

    Args:
        instants: at which something begins or ends, at least one.
        busy: the times in which something is under way: they are drawn to scale.
        left: where the axis begins, in pixels.
    """

    def __init__(self, instants: Iterable[int], busy: Iterable[tuple[int, int]], left: float) -> None:
        times = sorted(set(instants))
        idle = _idle_gaps(times, _joined_spans(busy))
        active = sum(after - before for before, after in pairwise(times) if (before, after) not in idle)
        self._stretches: list[_Stretch] = []
        self.breaks: list[Break] = []
        x = left
        for start, end, is_idle in _joined(times, idle):
            if is_idle:
                text = in_words(end - start)
                wide = width_of(text, _SIZE) + 2 * _BREAK_INSET
                self.breaks.append(Break(x, x + wide, text))
            else:
                wide = max(_WIDTH * (end - start) / active if active else _WIDTH, _LEAST_SEGMENT)
            self._stretches.append(_Stretch(start, end, x, x + wide, is_idle))
            x += wide
        self.left, self.right = left, x
        self._starts = [stretch.start for stretch in self._stretches]

    def x(self, instant: int) -> float:
        """Where an instant is, in pixels."""
        if not self._stretches:
            return self.left
        at = self._stretches[max(bisect_right(self._starts, instant) - 1, 0)]
        span = at.end - at.start
        share = min(max((instant - at.start) / span, 0.0), 1.0) if span else 0.0
        return at.left + (at.right - at.left) * share

    def ticks(self) -> Iterator[Tick]:
        """The instants that are told: by the clock where a stretch begins, then by how much later."""
        free, before = self.left, ""
        for at in self._stretches:
            if at.idle:
                continue
            text, today = clock(at.start, exact=at.end - at.start < _MINUTE), day(at.start)
            told = text if before in {"", today} else f"{today[5:10]} {text}"
            if at.left >= free:
                yield Tick(at.left, told, main=True)
                free, before = at.left + width_of(told, _SIZE, bold=True) + _TICK_INSET, today
            yield from self._later(at)

    def _later(self, at: _Stretch) -> Iterator[Tick]:
        """The instants of a stretch after its first one."""
        step = _step(at)
        for number in range(1, (at.end - at.start) // step + 1) if step else ():
            text = f"+{in_words(number * step)}"
            x = self.x(at.start + number * step)
            if x + width_of(text, _SIZE) < at.right:
                yield Tick(x, text, main=False)


def _step(at: _Stretch) -> int:
    """The time between two ticks of a stretch; 0 where it has no room for a second one."""
    span, wide = at.end - at.start, at.right - at.left
    if wide < _TICK_APART or not span:
        return 0
    return next((step for step in _STEPS if step * wide / span >= _TICK_APART), 0)


def _idle_gaps(times: list[int], busy: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """The gaps that are so long that all others would be squeezed; the longest ones, where there are many."""
    starts = [start for start, _ in busy]

    def is_busy(gap: tuple[int, int]) -> bool:
        before = bisect_right(starts, gap[0]) - 1
        return before >= 0 and busy[before][1] > gap[0]

    gaps = list(pairwise(times))
    shorter = sum(after - before for before, after in gaps if is_busy((before, after)))
    free = sorted((gap for gap in gaps if not is_busy(gap)), key=lambda gap: gap[1] - gap[0])
    for position, (before, after) in enumerate(free):
        if shorter and after - before > _IDLE * shorter:
            return set(free[max(position, len(free) - _MOST_BREAKS) :])
        shorter += after - before
    return set()


def _joined_spans(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same times without overlaps, in their order."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _joined(times: list[int], idle: set[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """The stretches between idle gaps, and those gaps."""
    if not times:
        return
    start = times[0]
    for before, after in pairwise(times):
        if (before, after) in idle:
            yield start, before, False
            yield before, after, True
            start = after
    yield start, times[-1], False
