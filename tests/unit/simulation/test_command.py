"""`orchestrator simulate`: how fast, how it ended, and where to look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from orchestrator.cli.app import app
from tests.unit.simulation.engine_flaws import compensations_are_reordered

if TYPE_CHECKING:
    from typer.testing import Result


def simulate(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["simulate", *arguments], catch_exceptions=False)


def test_it_tells_how_many_sagas_were_simulated_per_second() -> None:
    told = simulate("--seeds", "3", "--start", "4")

    assert told.exit_code == 0
    assert re.fullmatch(
        r"3 worlds, \d+ sagas: [\w ,]+; [\d,]+ sagas simulated per second; every promise was kept\n", told.stdout
    )


def test_one_seed_is_told_event_by_event() -> None:
    told = simulate("--seed", "4")

    assert told.exit_code == 0
    assert "opened" in told.stdout.splitlines()[0]
    assert "seed 4: " in told.stdout
    assert told.stdout.endswith("every promise was kept\n")


def test_the_first_seed_that_breaks_a_promise_is_explained_and_ends_the_run() -> None:
    with compensations_are_reordered():
        told = simulate("--seeds", "50")
        (seed,) = set(re.findall(r"seed (\d+) breaks", told.stderr))
        again = simulate("--seed", seed)

    assert told.exit_code == again.exit_code == 1
    assert "5. Compensations run in reverse order of start: saga-" in told.stderr
    assert f"orchestrator simulate --seed {seed}" in told.stderr
    (saga_id,) = set(re.findall(r"start: (saga-\d+)", told.stderr))
    others = set(re.findall(r"\bsaga-\d+", told.stdout)) - {saga_id}
    assert saga_id in told.stdout
    assert all(saga_id in line for line in told.stdout.splitlines() if any(other in line for other in others))
    assert set(told.stdout.splitlines()) < set(again.stdout.splitlines()), "the same world, as far as it matters"
