"""Every scenario of the suite, on every engine. No scenario asks which engine it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.testing.conformance.engines import SCENARIOS, Scenario, run_scenario
from orchestrator.testing.conformance.engines.harness import LacksMark
from tests.conformance.engines.engines import ENGINES, LACKS, LONG

if TYPE_CHECKING:
    from pathlib import Path

_ENGINES = [pytest.param(name, marks=[pytest.mark.long] if name in LONG else []) for name in ENGINES]


# A worker of Temporal that ends leaves what it has in memory to the garbage collector, as a killed process does.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:Cannot find activity to cancel")
@pytest.mark.parametrize("engine", _ENGINES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_an_engine_does_what_every_engine_must(
    scenario: Scenario, engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with ENGINES[engine](request, tmp_path) as open_engine:
        try:
            await run_scenario(scenario, open_engine, LACKS.get(engine, ()))
        except LacksMark as lacks:
            pytest.skip(str(lacks))
