"""A stage for each test; when the curtain falls, the promises that hold everywhere are checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.engine.run import failpoints
from tests.unit.engine.stage import Stage, trip

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from orchestrator.definition.saga import SagaDefinition


@pytest.fixture
async def stage_of() -> AsyncIterator[Callable[..., Stage]]:
    """Builds a stage for sagas."""
    stages: list[Stage] = []

    def build(*definitions: SagaDefinition[Any, Any, Any]) -> Stage:
        stages.append(Stage(*definitions))
        return stages[-1]

    yield build
    for stage in stages:
        stage.check_promises()
        await stage.strike()


@pytest.fixture
def stage(stage_of: Callable[..., Stage]) -> Stage:
    """A stage for ``trip``."""
    return stage_of(trip)


@pytest.fixture(autouse=True)
def _no_failpoints() -> Iterator[None]:
    yield
    failpoints.disarm_all()
