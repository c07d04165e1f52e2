"""A replica dies at every entry of a rollback over a queue: another one ends it, and each compensation is done once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.journal import entries as e
from orchestrator.journal.state import Status
from orchestrator.testing.world.queue import TELLS_AGAIN_SECONDS
from tests.support.engine_world import FORWARD, EngineWorld, trip, turns
from tests.support.queued_sagas import going_back, kinds

if TYPE_CHECKING:
    from collections.abc import Callable

    WorldOf = Callable[..., EngineWorld]

BEFORE = 9
"""Entries until the rollback begins: the start, two for each of three commands, an intent and its refusal."""
ITS_OWN = [
    e.RollbackBegan,
    e.CompensationBegan,
    e.CompensationBegan,
    e.CommandQueued,
    e.SagaParked,
    e.SagaWoken,
    e.CompensationCompleted,
    e.CompensationCompleted,
    e.SagaCompensated,
]


async def live_on(world: EngineWorld, seconds: int) -> None:
    """Let so much time pass, second by second."""
    for _ in range(seconds):
        await turns()
        world.clock.advance(1.0)
    await turns()


async def test_the_rollback_has_these_entries(world: EngineWorld) -> None:
    _, queue = await going_back(world)
    await live_on(world, 6)
    queue.come_back()
    await live_on(world, 6)

    assert kinds(world)[BEFORE:] == ITS_OWN


@pytest.mark.parametrize("loses_acknowledgement", [False, True])
@pytest.mark.parametrize("cut_after", range(BEFORE, BEFORE + len(ITS_OWN)))
async def test_a_replica_that_dies_there_leaves_it_to_another_one(
    world_of: WorldOf, cut_after: int, loses_acknowledgement: bool
) -> None:
    world = world_of(trip)
    process, queue = await going_back(world)
    process.journal.cut_after, process.journal.loses_acknowledgement = cut_after, loses_acknowledgement
    await live_on(world, 6)
    queue.come_back()
    await live_on(world, 6)
    assert process.is_dead
    world.crash()
    await world.open()
    await live_on(world, int(TELLS_AGAIN_SECONDS) + 6)

    assert world.state().status is Status.COMPENSATED
    assert world.participants.methods() == [*FORWARD[:4], "VoidAuthorization", "ReleaseStock"]
