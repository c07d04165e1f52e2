"""How the sagas fared over a time: what is drawn as curves, and stands in tables beneath."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.state import Status
from orchestrator.ports.figure_sums import series, summed
from orchestrator.ports.figures import DAY, HOUR, Step, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.engine.sagas import Sagas
    from orchestrator.ports.figure_sums import Failures, Figures


class Period(NamedTuple):
    """How far back the charts go.

    Attributes:
        name: in the address of the page.
        title: for people.
        length: in nanoseconds.
        step: of the figures.
    """

    name: str
    title: str
    length: int
    step: Step


PERIODS: Final = (
    Period("hour", "1 hour", HOUR, Step.MINUTE),
    Period("day", "24 hours", DAY, Step.HOUR),
    Period("week", "7 days", 7 * DAY, Step.HOUR),
    Period("quarter", "90 days", 90 * DAY, Step.DAY),
)


class Point(NamedTuple):
    """One step of a chart.

    Attributes:
        at: its beginning, nanoseconds since the epoch, UTC.
        started: how many sagas started in it; so are completed, and failed: those that ended otherwise.
        median: how long those took that ended in it, in seconds, ``None`` where none did; so is p95, of 95 in 100.
    """

    at: int
    started: int
    completed: int
    failed: int
    median: float | None
    p95: float | None


class Charts(NamedTuple):
    """What the charts show.

    Attributes:
        period: how far back they go.
        periods: how far back they can go.
        points: each step.
        whole: the same of the whole period.
        failures: what most of the sagas failed at that were rolled back.
    """

    period: Period
    periods: Sequence[Period]
    points: Sequence[Point]
    whole: Point
    failures: Sequence[Failures]

    @property
    def step_word(self) -> str:
        """What a step is called."""
        return {Step.MINUTE: "minute", Step.HOUR: "hour", Step.DAY: "day"}[self.period.step]

    @property
    def reading(self) -> Sequence[Point]:
        """The steps in which something happened, the latest first: what is worth reading in a table."""
        return [point for point in reversed(self.points) if point.started or point.completed or point.failed]


def period_named(name: str) -> Period:
    """The period of this name; the shortest, where there is none."""
    return next((each for each in PERIODS if each.name == name), PERIODS[0])


async def charts_of(sagas: Sagas, period: Period, now: int) -> Charts:
    """The charts of a period that ends now."""
    window = Window.of(now - period.length + period.step.value, now + 1, period.step, now)
    counted = await sagas.figures(window)
    whole = summed(counted)
    points = [_point(at, figures) for at, figures in series(window, counted)]
    return Charts(period, PERIODS, points, _point(window.since, whole), whole.failures[:5])


def _point(at: int, figures: Figures) -> Point:
    completed = figures.ended[Status.COMPLETED]
    failed = sum(figures.ended.values()) - completed
    quantile = figures.latencies.quantile
    return Point(at, figures.started, completed, failed, quantile(0.5), quantile(0.95))
