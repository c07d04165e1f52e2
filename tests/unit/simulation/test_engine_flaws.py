"""The simulator finds flaws of the engine, and names the promise that each of them breaks."""

from __future__ import annotations

import pytest

from tests.unit.simulation.built_in import world
from tests.unit.simulation.engine_flaws import ENGINE_FLAWS, EngineFlaw
from tests.unit.simulation.event_flaws import EVENT_FLAWS
from tests.unit.simulation.queue_flaws import QUEUE_FLAWS
from tests.unit.simulation.replica_flaws import REPLICA_FLAWS
from tests.unit.simulation.schedule_flaws import SCHEDULE_FLAWS
from tests.unit.simulation.waiting_flaws import WAITING_FLAWS

MOST_SEEDS = 300
FLAWS = (*ENGINE_FLAWS, *REPLICA_FLAWS, *SCHEDULE_FLAWS, *WAITING_FLAWS, *QUEUE_FLAWS, *EVENT_FLAWS)


@pytest.mark.parametrize("flaw", FLAWS, ids=[flaw.introduce.__name__ for flaw in FLAWS])
def test_a_flaw_of_the_engine_is_found(flaw: EngineFlaw) -> None:
    with flaw.introduce():
        for seed in range(flaw.first_seed, flaw.first_seed + MOST_SEEDS):
            if broken := world(seed).broken:
                assert broken[0].promise in flaw.breaks
                return
    pytest.fail(f"{MOST_SEEDS} worlds have not shown it")


def test_a_seed_that_shows_a_flaw_shows_the_flaw_again() -> None:
    with ENGINE_FLAWS[1].introduce():
        first = next(outcome for seed in range(MOST_SEEDS) if (outcome := world(seed)).broken)
        second = world(first.seed)
    assert first.timeline.lines() == second.timeline.lines()

    assert not world(first.seed).broken, "without the flaw, the same seed breaks nothing"
