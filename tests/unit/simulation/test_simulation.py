"""The engine keeps its promises in every simulated world, and the same seed makes the same world."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.rules import check_definition
from orchestrator.testing.simulation.fault_rates import NO_FAULTS, FaultRates
from tests.unit.simulation.built_in import SAGAS, world

if TYPE_CHECKING:
    from orchestrator.testing.simulation import Outcome

SEEDS = 200
ROUNDS = 8
"""In how many tests the seeds are simulated, so that a failure is told early."""


cached_world = cache(world)


@pytest.mark.parametrize("part", range(ROUNDS))
def test_every_promise_is_kept_in_every_world(part: int) -> None:
    for seed in range(part, SEEDS, ROUNDS):
        assert not cached_world(seed).broken, f"orchestrator simulate --seed {seed}"


def test_everything_that_can_go_wrong_does() -> None:
    """A promise is kept easily where nothing happens."""
    worlds = [cached_world(seed) for seed in range(SEEDS)]
    ends: Counter[str] = Counter()
    events: Counter[str] = Counter()
    for each in worlds:
        ends.update(each.ends)
        events.update(each.timeline.counts())
    assert {"completed", "compensated", "partially_compensated"} <= set(ends)
    for troubled in (
        "broke", "busy", "cancel", "crashed", "deployed", "intercepted", "late", "lost", "nonsense", "pause", "paused",
        "refused", "rejected", "released", "reset", "resolve", "resume", "retry_now", "run", "schedule", "scheduled",
        "skip", "stopped",
        "unacknowledged", "unanswered", "unavailable", "unwritten", "went_on",
    ):  # fmt: skip
        assert events[troubled], troubled
    entries = Counter(str(name).partition("(")[0] for each in worlds for name in _appended(each))
    for rare in (
        "CommandAbandoned",
        "CompensationRejected",
        "CompensationResolved",
        "CompensationSkipped",
        "DeadlinePassed",
        "OutcomeResolved",
        "SagaParked",
        "SagaWoken",
        "SignalReceived",
        "SagaAdmitted",
        "SagaQueued",
    ):
        assert entries[rare], rare


def test_a_replica_serves_what_it_served_before_while_another_serves_the_new_version_already() -> None:
    """Sagas of both versions are started in the worlds of a deploy, and each comes to an end."""
    deploys = [each for seed in range(SEEDS) if "deployed" in (each := cached_world(seed)).timeline.counts()]

    assert len(deploys) > SEEDS // 10
    assert not {"waiting", "running", "compensating"} & {end for each in deploys for end in each.ends}


def test_what_was_served_before_a_deploy_is_all_but_the_newest_of_several_versions() -> None:
    assert SAGAS.outdated == {
        "place_order v1", "bundle v1", "choices v1", "hurry v1", "patience v1", "parcel v1", "till v1", "delivery v1",
        "place_order_danced v1",
    }  # fmt: skip


def _appended(outcome: Outcome) -> list[object]:
    return [about for event in outcome.timeline.events if event.what == "appended" for about in event.about[1:]]


@pytest.mark.parametrize("seed", [3, 7])
def test_the_same_seed_makes_the_same_world_event_by_event(seed: int) -> None:
    first, second = (world(seed) for _ in range(2))

    assert first.timeline.lines() == second.timeline.lines()
    assert first.ends == second.ends


def test_the_same_seed_makes_the_same_world_in_another_process() -> None:
    """Neither hashes nor addresses decide anything."""
    script = "from tests.unit.simulation.built_in import world\nprint('\\n'.join(world(5).timeline.lines()))"
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": salt, "PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout
        for salt in ("1", "2")
    }
    assert told == {("\n".join(world(5).timeline.lines()) + "\n").encode()}


def test_another_seed_makes_another_world() -> None:
    assert world(1).timeline.lines() != world(2).timeline.lines()


def test_in_a_world_without_faults_nothing_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FaultRates, "draw", lambda _random: NO_FAULTS)
    outcome = world(1)

    assert not outcome.broken
    assert outcome.timeline.counts().keys() <= {
        "opened", "start", "appended", "sent", "completed", "was_told", "no_more_faults", "refused", "schedule",
        "scheduled", "run", "claimed", "signal", "told",
    }  # fmt: skip


@pytest.mark.parametrize("definition", SAGAS.definitions, ids=str)
def test_the_simulated_sagas_keep_the_rules_for_sagas(definition: object) -> None:
    assert not check_definition(definition)  # type: ignore[arg-type]
