"""The simulator finds planted bugs, and names the promise that each of them breaks."""

from __future__ import annotations

import pytest

from orchestrator.store.memory import MemoryJournal
from orchestrator.testing.simulation import simulate
from tests.unit.simulation.engine_flaws import ENGINE_FLAWS, EngineFlaw

MOST_SEEDS = 100


@pytest.mark.parametrize("flaw", ENGINE_FLAWS, ids=[flaw.introduce.__name__ for flaw in ENGINE_FLAWS])
def test_a_planted_bug_is_found(flaw: EngineFlaw) -> None:
    with flaw.introduce():
        for seed in range(MOST_SEEDS):
            if broken := simulate(seed, MemoryJournal).broken:
                assert broken[0].promise in flaw.breaks
                return
    pytest.fail(f"{MOST_SEEDS} worlds have not shown it")


def test_a_seed_that_shows_a_planted_bug_shows_it_again() -> None:
    with ENGINE_FLAWS[1].introduce():
        first = next(outcome for seed in range(MOST_SEEDS) if (outcome := simulate(seed, MemoryJournal)).broken)
        second = simulate(first.seed, MemoryJournal)
    assert first.timeline.lines() == second.timeline.lines()

    assert not simulate(first.seed, MemoryJournal).broken, "without the bug, the same seed breaks nothing"
