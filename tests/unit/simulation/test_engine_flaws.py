"""The simulator finds planted bugs, and names the promise that each of them breaks."""

from __future__ import annotations

import pytest

from orchestrator.store.memory import MemoryJournal
from orchestrator.testing.simulation import simulate
from tests.unit.simulation.engine_flaws import PLANTED, Planted

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
    with PLANTED[1].plant():
        first = next(outcome for seed in range(MOST_SEEDS) if (outcome := simulate(seed, MemoryJournal)).broken)
        second = simulate(first.seed, MemoryJournal)
    assert first.timeline.lines() == second.timeline.lines()

    assert not simulate(first.seed, MemoryJournal).broken, "without the bug, the same seed breaks nothing"
