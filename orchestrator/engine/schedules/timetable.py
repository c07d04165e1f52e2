"""The instants of a timetable: one instant, or those of a cron expression in a time zone. Pure.

A cron expression speaks of the clock on the wall, which jumps twice a year in many zones. These rules say what becomes
of a time that such a jump leaves out, or shows twice; they are those of Debian's cron, stated for every zone:

=============================== ==================================== ==============================================
an expression                   a time that is left out              a time that comes twice
=============================== ==================================== ==============================================
of fixed times, ``30 2 * * *``  starts once, when the gap ends       starts once, the first time
that follows the clock, whose   starts nothing: the next time that   starts both times: so hourly stays hourly
minute or hour begins with a
``*``: ``*/15 * * * *``         the clock shows is near
=============================== ==================================== ==============================================

No instant comes twice: two times of one gap start once. Instants are nanoseconds since the epoch, UTC; within this
module, seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from orchestrator.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

_NANOSECONDS: Final = 1_000_000_000
_FIELDS: Final = 5
_FIRST_WINDOW: Final = 3600
_WIDER: Final = 4
_LONGEST_JUMP: Final = timedelta(hours=25)
"""No zone puts its clocks forward or back by more, Samoa's lost day included."""


@dataclass(frozen=True, slots=True)
class Cron:
    """The instants of a cron expression in a time zone. Made by :func:`read_cron`.

    Attributes:
        expression: five fields.
        zone: such as ``Europe/Berlin``.
    """

    expression: str
    zone: ZoneInfo

    @property
    def _follows_the_clock(self) -> bool:
        minute, hour = self.expression.split()[:2]
        return minute.startswith("*") or hour.startswith("*")

    def after(self, instant: int) -> int | None:
        """The first instant after this one; ``None`` if none comes within fifty years."""
        return _nanoseconds(self._next(instant // _NANOSECONDS))

    def latest(self, after: int, until: int, most: int) -> list[int]:
        """The latest instants in a span, so many at most, in order.

        Args:
            after: where the span begins; this instant is not part of it.
            until: where it ends; this one is.
            most: 1 or more.
        """
        first, last, window = after // _NANOSECONDS, until // _NANOSECONDS, _FIRST_WINDOW
        while True:
            begin = max(first, last - window)
            found = list(self._between(begin, last))
            if len(found) >= most or begin == first:
                return [each * _NANOSECONDS for each in found[-most:]]
            window *= _WIDER

    def _between(self, after: int, until: int) -> Iterator[int]:
        second = self._next(after)
        while second is not None and second <= until:
            yield second
            second = self._next(second)

    def _next(self, second: int) -> int | None:
        shown = self._wall(second)
        found = next((each for time in CronSim(self.expression, shown) for each in self._seconds(time, second)), None)
        if not self._follows_the_clock:
            return found
        horizon = second + int(_LONGEST_JUMP.total_seconds())
        again = self._shown_again(second, horizon if found is None else min(found, horizon))
        return found if again is None else again

    def _seconds(self, time: datetime, after: int) -> Iterator[int]:
        """When the clock shows this time, later than that."""
        first, second = (self._of_wall(time, fold) for fold in (0, 1))
        if first == second:
            seconds = [first]
        elif first < second:
            seconds = [first, second] if self._follows_the_clock else [first]
        else:
            # Read with the offset from before the jump, a time that is left out seems to lie behind it.
            seconds = [] if self._follows_the_clock else [self._change(second, first)]
        yield from (each for each in seconds if each > after)

    def _shown_again(self, second: int, until: int) -> int | None:
        """The first match in a time that the clock is put back to between these two instants, if there is one."""
        lost = self._offset(second) - self._offset(until)
        if lost <= timedelta():
            return None
        change = self._change(second, until)
        begin = self._wall(change)
        time = next(CronSim(self.expression, begin - timedelta(minutes=1)), None)
        if time is None or time >= begin + lost:
            return None
        return change + int((time - begin).total_seconds())

    def _change(self, before: int, after: int) -> int:
        """The second at which the offset changes, which it does once between these two."""
        old = self._offset(before)
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if self._offset(middle) == old else (before, middle)
        return after

    def _wall(self, second: int) -> datetime:
        return datetime.fromtimestamp(second, self.zone).replace(tzinfo=None, fold=0)

    def _of_wall(self, time: datetime, fold: int) -> int:
        return int(time.replace(tzinfo=self.zone, fold=fold).astimezone(UTC).timestamp())

    def _offset(self, second: int) -> timedelta:
        return datetime.fromtimestamp(second, self.zone).utcoffset() or timedelta()


def read_cron(expression: str, zone: str) -> Cron:
    """The cron expression of a schedule.

    Args:
        expression: minute, hour, day of the month, month, day of the week.
        zone: a name of the IANA database; empty for UTC.

    Raises:
        InvalidInput: the expression or the zone is none, or the expression matches no instant.
    """
    cron = Cron(expression, read_zone(zone))
    if len(expression.split()) != _FIELDS:
        wrong = "has five fields: minute, hour, day of the month, month, day of the week; such as 30 9 * * MON-FRI"
        raise InvalidInput(("schedule.cron", wrong))
    try:
        comes = next(CronSim(expression, datetime(2024, 1, 1)), None)  # noqa: DTZ001 - of a clock on the wall
    except CronSimError as error:
        raise InvalidInput(("schedule.cron", f"{expression!r}: {str(error).lower()}")) from None
    if comes is None:
        raise InvalidInput(("schedule.cron", f"{expression!r} never comes"))
    return cron


@lru_cache(maxsize=256)
def cron_of(expression: str, zone: str) -> Cron:
    """The same, of an expression and a zone that were read before."""
    return read_cron(expression, zone)


def read_zone(name: str) -> ZoneInfo:
    """The time zone of this name; UTC for an empty one.

    Raises:
        InvalidInput: there is none.
    """
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        raise InvalidInput(
            ("schedule.time_zone", f"there is no time zone {name!r}; expected one such as Europe/Berlin")
        ) from None


def _nanoseconds(second: int | None) -> int | None:
    return None if second is None else second * _NANOSECONDS
