"""What the bench has found, and the goals that it is held to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.rounds import Measured
    from tests.bench.spread import Spread


@dataclass(frozen=True)
class Goal:
    """What a result should be.

    Attributes:
        bound: it should not lie beyond this,
        at_least: which is the lowest that it may be; otherwise the highest.
    """

    bound: float
    at_least: bool

    def reached(self, value: float) -> bool:
        """Whether this value is as it should be."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True)
class Finding:
    """One result.

    Attributes:
        name: of what.
        value: the median and the spread of it.
        unit: of the value; empty for a ratio.
        goal: what the median should be, if it should be something.
        note: how it was measured.
    """

    name: str
    value: Spread
    unit: str = ""
    goal: Goal | None = None
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the goal is; ``None`` where there is none."""
        return self.goal.reached(self.value.median) if self.goal else None


@dataclass(frozen=True)
class Load:
    """A contender under one load.

    Attributes:
        workload: ``forward`` or ``rollback``.
        in_flight: sagas at any time.
        measured: its rounds.
        flushes: commits for each saga; ``None`` for the bare chain, which makes none.
        written: KiB given to the disk for each saga; ``None`` also where the system does not tell.
    """

    workload: str
    in_flight: int
    measured: Measured
    flushes: float | None = None
    written: float | None = None


@dataclass(frozen=True)
class Share:
    """What one process has of one order of the shop.

    Attributes:
        store: of the orchestrator's journal.
        in_flight: orders at any time.
        process: its name.
        cpu: microseconds.
        flushes: transactions that it has the disk keep; ``None`` where it has no database.
    """

    store: str
    in_flight: int
    process: str
    cpu: float
    flushes: float | None


@dataclass
class Results:
    """All that was found so far."""

    loads: list[Load] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)


def at_least(bound: float) -> Goal:
    """The goal that a value is this or more."""
    return Goal(bound, at_least=True)


def at_most(bound: float) -> Goal:
    """The goal that a value is this or less."""
    return Goal(bound, at_least=False)


RATE_GOALS = {
    ("forward", 32, "saga"): at_least(0.93),
    ("forward", 32, "traced"): at_least(0.85),
    ("forward", 256, "traced"): at_least(0.85),
    ("rollback", 32, "saga"): at_least(0.85),
    ("postgres", 32, "saga"): at_least(0.70),
    ("postgres", 32, "traced"): at_least(0.60),
}
"""By workload, number in flight and contender: the rate over that of the bare chain."""

LATENCY_GOALS = {("forward", 1, "saga"): at_most(1.5)}
"""By the same: the median latency over that of the bare chain."""

TWO_GOAL = at_least(1.6)
"""The rate of two processes over that of one."""

TLS_GOAL = at_least(0.95)
"""What TLS leaves of the rate of sagas over what it leaves of that of the bare chain; 1, but for the noise."""

RECOVERY_GOAL = at_least(0.5)
MEMORY_GOAL = at_most(15)
TAKEOVER_GOAL = at_most(5)
"""Seconds from the end of the lease."""

STORED_GOAL = at_most(1.1)
PARKED_MEMORY_GOAL = at_most(50)
"""MiB of 100,000."""

CONSOLE_GOAL = at_least(0.95)
"""The rate of sagas beside open pages to that beside none."""

PAGE_GOAL = at_most(200)
"""Milliseconds until a page is there."""

PAGES_GOAL = at_most(50)
"""Milliseconds for a question of a page."""

LATE_GOAL = at_most(1.0)
"""Seconds after its time that a timer fires."""
