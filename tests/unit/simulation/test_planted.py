"""The simulator finds planted bugs, and names the promise that each of them breaks."""

from __future__ import annotations

import pytest

from orchestrator.store.memory import MemoryJournal
from orchestrator.testing.simulation import simulate
from tests.unit.simulation.planted import PLANTED, Planted

MOST_SEEDS = 100


@pytest.mark.parametrize("planted", PLANTED, ids=[planted.plant.__name__ for planted in PLANTED])
def test_a_planted_bug_is_found(planted: Planted) -> None:
    with planted.plant():
        for seed in range(MOST_SEEDS):
            if broken := simulate(seed, MemoryJournal).broken:
                assert broken[0].promise in planted.breaks
                return
    pytest.fail(f"{MOST_SEEDS} worlds have not shown it")


def test_a_seed_that_shows_a_planted_bug_shows_it_again() -> None:
    planted = PLANTED[1]
    with planted.plant():
        first, second = (simulate(0, MemoryJournal) for _ in range(2))
    assert first.broken
    assert first.timeline.lines() == second.timeline.lines()


def test_without_the_bug_the_same_seed_breaks_nothing() -> None:
    assert not simulate(0, MemoryJournal).broken
