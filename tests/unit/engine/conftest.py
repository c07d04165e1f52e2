"""A world for each test; at its end, the promises that hold everywhere are checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.engine.run import failpoints
from tests.support.engine_world import EngineWorld, trip

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from orchestrator.definition.saga import SagaDefinition


@pytest.fixture
async def world_of() -> AsyncIterator[Callable[..., EngineWorld]]:
    """Builds a world for sagas."""
    worlds: list[EngineWorld] = []

    def build(*definitions: SagaDefinition[Any, Any, Any]) -> EngineWorld:
        worlds.append(EngineWorld(*definitions))
        return worlds[-1]

    yield build
    for world in worlds:
        world.check_promises()
        await world.end()


@pytest.fixture
def world(world_of: Callable[..., EngineWorld]) -> EngineWorld:
    """A world for ``trip``."""
    return world_of(trip)


@pytest.fixture
async def shared_world() -> AsyncIterator[EngineWorld]:
    """A world of several replicas, in which time passes only where a test lets it."""
    world = EngineWorld(trip, shared=True)
    yield world
    world.check_promises()
    await world.end()


@pytest.fixture(autouse=True)
def _no_failpoints() -> Iterator[None]:
    yield
    failpoints.disarm_all()
