"""How sagas fare over time: how many started and ended, how long they took, and what made them fail.

Purpose: charts that are the same on every replica and after a restart. Each start and each end is counted in the
transaction that makes it durable, so nothing is counted in a process, and none is missed or counted twice. Invariant:
the figures of a time are those of the sagas that started or ended in it, also of those that were deleted since; one
that had completed and was rolled back with its parent counts as ended anew.

They are counted by minutes. What is over is summed up, beside the hot path and by whichever replica:

::

    new minute ──the hour is over──▶ minute that its hour holds ──after 8 days──▶ gone
                      └────────────▶ new hour ──the day is over──▶ hour that its day holds ──after 93 days──▶ gone
                                                     └───────────▶ day

A count that comes late makes a new minute, which is summed up by the next pass.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from orchestrator.errors import InvalidInput
from orchestrator.journal.state import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.cause import Cause

_MILLI: Final = 1_000_000
_SECOND: Final = 1_000_000_000

MINUTE: Final = 60 * _SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

MINUTES_KEPT: Final = 7 * DAY
"""For how long figures are told by minutes; so are hours for HOURS_KEPT, in nanoseconds. Days are kept for ever."""
HOURS_KEPT: Final = 92 * DAY
_GRACE: Final = DAY
_MOST_BUCKETS: Final = 1500

LATENCY_BOUNDS: Final = tuple(
    int(factor * 10**power) * _MILLI // 10 for power in range(1, 10) for factor in (1, 1.5, 2, 3, 5, 7)
)
"""Where the buckets of latencies end, in nanoseconds: from a millisecond to eight days; frozen, for stores keep the
numbers of buckets. Bucket 0 is below the first bound, the last one is from the last bound on."""

STARTED: Final = Status.RUNNING
"""The status under which a start is counted; each end is counted under its own."""


def latency_bucket(latency: int) -> int:
    """The number of the bucket of a time in nanoseconds; one below 0, where a clock was set back, is in the first."""
    return bisect_right(LATENCY_BOUNDS, latency)


class Grain(enum.IntEnum):
    """Of what time a stored count is; the numbers are kept in the stores."""

    NEW_MINUTE = 0
    """Of a minute, and in no hour yet."""
    HELD_MINUTE = 1
    """Of a minute whose hour holds it too."""
    NEW_HOUR = 2
    """Of an hour, and in no day yet."""
    HELD_HOUR = 3
    """Of an hour whose day holds it too."""
    DAY = 4


class Step(enum.Enum):
    """How long each time is for which figures are told, in nanoseconds. Days begin at midnight UTC."""

    MINUTE = MINUTE
    HOUR = HOUR
    DAY = DAY

    @property
    def grains(self) -> tuple[Grain, ...]:
        """Which stored counts make up the figures of such times."""
        return _GRAINS[self]


_GRAINS: Final = {
    Step.MINUTE: (Grain.NEW_MINUTE, Grain.HELD_MINUTE),
    Step.HOUR: (Grain.NEW_MINUTE, Grain.NEW_HOUR, Grain.HELD_HOUR),
    Step.DAY: (Grain.NEW_MINUTE, Grain.NEW_HOUR, Grain.DAY),
}


class Window(NamedTuple):
    """A time for which figures are asked.

    Attributes:
        since: its beginning; so is until, its end: nanoseconds since the epoch, UTC, both whole steps.
        definition: only of sagas of this one; empty for all.
    """

    since: int
    until: int
    step: Step
    definition: str = ""

    @classmethod
    def of(cls, since: int, until: int, step: Step, now: int, definition: str = "") -> Window:
        """The window of whole steps that holds this one.

        Raises:
            InvalidInput: it is empty or too long, or figures are not kept for so long by such steps.
        """
        length = step.value
        window = cls(since // length * length, -(-until // length) * length, step, definition)
        if since >= until:
            raise InvalidInput(("until", "must be later than the beginning"))
        if (window.until - window.since) // length > _MOST_BUCKETS:
            raise InvalidInput(
                ("step", f"the window has more than {_MOST_BUCKETS} {step.name.lower()}s; ask for longer ones")
            )
        for kept, of in ((MINUTES_KEPT, Step.MINUTE), (HOURS_KEPT, Step.HOUR)):
            if step is of and window.since < now - kept - length:
                told = f"{step.name.lower()}s are told for {kept // DAY} days; ask for longer ones"
                raise InvalidInput(("since", told))
        return window


class Counted(NamedTuple):
    """How many sagas started or ended alike within one step.

    Attributes:
        at: the beginning of the step, nanoseconds since the epoch, UTC.
        status: how they ended; :data:`STARTED` for those that started.
        latency: the number of the bucket of the time from their start to their end; 0 for those that started.
        code: of those that were rolled back, the kind of reason; so is command, the full name of the rpc. Both empty of
            the others, and where it is not known.
    """

    at: int
    definition: str
    status: Status
    latency: int
    code: str
    command: str
    number: int


class Cut(NamedTuple):
    """Up to when what is summed up by one pass; nanoseconds since the epoch, UTC.

    Attributes:
        hour: new minutes before it are summed up in hours.
        day: new hours before it are summed up in days.
        minutes: minutes before it that their hours hold are dropped; so are hours that their days hold.
    """

    hour: int
    day: int
    minutes: int
    hours: int

    @classmethod
    def at(cls, now: int) -> Cut:
        """What can be summed up by now. It is dropped a day later than nobody can ask for it any more."""
        minutes, hours = now - MINUTES_KEPT - _GRACE, now - HOURS_KEPT - _GRACE
        return cls(now // HOUR * HOUR, now // DAY * DAY, minutes // HOUR * HOUR, hours // DAY * DAY)


class FigureReader(Protocol):
    """What can be asked about the figures. Every method may raise JournalUnavailable."""

    async def figures(self, window: Window) -> Sequence[Counted]:
        """What was counted in a window, by its steps, in the order of the fields of :class:`Counted`."""

    async def suspended(self) -> Sequence[SuspendedGroup]:
        """The sagas that wait for an operator, by what they wait for, the one that waits for the longest first."""

    async def without_cause(self, position: int, limit: int) -> tuple[Sequence[str], int | None]:
        """Sagas that must have a cause, and of which the store knows none: an earlier version wrote them.

        Returns:
            Their ids in the order of start, and the position of the next page; ``None`` after the last, 0 of the first.
        """


class FigureKeeping(FigureReader, Protocol):
    """Keeps the figures small and whole. Every method may raise JournalUnavailable."""

    async def sum_up(self, cut: Cut) -> bool:
        """Sum up some of what is over, and whether there is more. Who asks again, or at once, sums up nothing twice."""

    async def note_causes(self, causes: Sequence[tuple[str, Cause]]) -> None:
        """Write down the causes of sagas, by their ids, of which the store knows none. They are counted under them."""


class SuspendedGroup(NamedTuple):
    """Sagas that wait for an operator for the same cause.

    Attributes:
        command: the full name of the rpc, or empty.
        code: the kind of reason.
        number: how many.
        since: since when the one does that has waited for the longest; nanoseconds since the epoch, UTC.
    """

    definition: str
    command: str
    code: str
    number: int
    since: int
