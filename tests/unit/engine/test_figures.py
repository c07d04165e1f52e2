"""Figures: the windows that can be told, the sums, and the passes that keep them small and whole."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engine.replica.upkeep.figures import FIRST_SECONDS, PASS_SECONDS, FigurePasses
from orchestrator.errors import InvalidInput, JournalUnavailable
from orchestrator.journal.state import Status
from orchestrator.ports.figure_sums import Failures, Latencies, summed
from orchestrator.ports.figures import (
    DAY,
    HOUR,
    LATENCY_BOUNDS,
    MINUTE,
    STARTED,
    Counted,
    Cut,
    Step,
    Window,
    latency_bucket,
)
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.world.clock import JumpingClock
from tests.support.engine_world import turns
from tests.support.journals import AT

SECOND = 1_000_000_000
NOW = AT // DAY * DAY + DAY // 2


def test_a_window_is_made_of_whole_steps() -> None:
    assert Window.of(NOW + 1, NOW + HOUR + 1, Step.HOUR, NOW) == Window(NOW, NOW + 2 * HOUR, Step.HOUR)
    assert Window.of(NOW, NOW + HOUR, Step.HOUR, NOW) == Window(NOW, NOW + HOUR, Step.HOUR)


@pytest.mark.parametrize(
    ("since", "until", "step", "field"),
    [
        (NOW, NOW, Step.HOUR, "until"),
        (NOW - 2 * DAY, NOW, Step.MINUTE, "step"),
        (NOW - 8 * DAY, NOW - 8 * DAY + HOUR, Step.MINUTE, "since"),
        (NOW - 93 * DAY, NOW - 92 * DAY, Step.HOUR, "since"),
    ],
)
def test_a_window_that_cannot_be_told_is_refused(since: int, until: int, step: Step, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Window.of(since, until, step, NOW)

    ((named, _),) = refused.value.violations
    assert named == field


def test_nothing_is_dropped_for_which_somebody_may_ask() -> None:
    cut = Cut.at(NOW)

    assert Window.of(cut.minutes + DAY, cut.minutes + DAY + HOUR, Step.MINUTE, NOW).since > cut.minutes
    assert Window.of(cut.hours + 2 * DAY, cut.hours + 3 * DAY, Step.HOUR, NOW).since > cut.hours
    assert cut.hour <= NOW < cut.hour + HOUR
    assert cut.day <= NOW < cut.day + DAY


@given(st.lists(st.integers(0, 10 * LATENCY_BOUNDS[-1]), min_size=1), st.sampled_from([0.5, 0.95]))
def test_a_quantile_lies_in_the_bucket_that_holds_it(times: list[int], part: float) -> None:
    numbers: dict[int, int] = {}
    for time in times:
        numbers[latency_bucket(time)] = numbers.get(latency_bucket(time), 0) + 1
    exact = sorted(times)[min(len(times) - 1, int(part * len(times) - 1e-9))]
    told = Latencies(numbers).quantile(part)

    assert told is not None
    bucket = latency_bucket(exact)
    low = LATENCY_BOUNDS[bucket - 1] if bucket else 0
    high = LATENCY_BOUNDS[bucket] if bucket < len(LATENCY_BOUNDS) else LATENCY_BOUNDS[-1]
    assert low / SECOND <= told + 1e-9
    assert told <= high / SECOND + 1e-9


def test_nothing_has_no_quantile_and_no_failures() -> None:
    figures = summed([])

    assert figures.latencies.quantile(0.5) is None
    assert (figures.started, figures.ended, figures.failures) == (0, {}, [])


def test_sums_are_told_by_status_and_by_cause_the_most_frequent_first() -> None:
    figures = summed(
        [
            Counted(0, "buy", STARTED, 0, "", "", 9),
            Counted(0, "buy", Status.COMPLETED, 5, "", "", 4),
            Counted(0, "buy", Status.COMPENSATED, 5, "REJECTED", "Pay", 1),
            Counted(MINUTE, "sell", Status.COMPENSATED, 6, "REJECTED", "Pay", 1),
            Counted(MINUTE, "sell", Status.PARTIALLY_COMPENSATED, 6, "UNKNOWN", "Ship", 1),
        ]
    )

    assert figures.started == 9
    assert figures.ended == {Status.COMPLETED: 4, Status.COMPENSATED: 2, Status.PARTIALLY_COMPENSATED: 1}
    assert figures.latencies.numbers == {5: 5, 6: 2}
    assert figures.failures == [Failures("Pay", "REJECTED", 2), Failures("Ship", "UNKNOWN", 1)]


class Away(MemoryJournal):
    """Is away once, and notes when it was asked to sum up."""

    def __init__(self, clock: JumpingClock) -> None:
        super().__init__(clock.now)
        self.cuts: list[Cut] = []
        self.has_been_away = False

    async def sum_up(self, cut: Cut) -> bool:
        self.cuts.append(cut)
        if not self.has_been_away:
            self.has_been_away = True
            raise JournalUnavailable("away")
        return len(self.cuts) < 4


async def test_a_pass_sums_up_as_long_as_there_is_something() -> None:
    clock = JumpingClock()
    journal = Away(clock)
    journal.has_been_away = True

    await FigurePasses(journal, clock).run_once()

    assert len(journal.cuts) == 4


async def test_a_journal_that_is_away_ends_the_pass_and_not_the_passes(caplog: pytest.LogCaptureFixture) -> None:
    clock = JumpingClock()
    clock.hold_from = FIRST_SECONDS
    journal = Away(clock)
    passes = FigurePasses(journal, clock)

    passes.open()
    await turns()
    assert journal.cuts == [], "who starts has better things to do"
    with caplog.at_level(logging.WARNING):
        clock.advance(FIRST_SECONDS)
        await turns()
    assert [record.getMessage() for record in caplog.records] == ["the figures are summed up by the next pass: away"]
    clock.advance(PASS_SECONDS)
    await turns()
    passes.close()
    assert len(journal.cuts) == 4
