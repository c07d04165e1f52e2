"""The queue itself is away when an attempt is resumed, of which it is not known whether it was published."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import Status
from tests.support.engine_world import FORWARD, SAGA, trip, turns, until
from tests.support.queued_sagas import RESERVING, kinds, let_pass_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.testing.world.queue import VirtualQueue
    from tests.support.engine_world import EngineProcess, EngineWorld

    WorldOf = Callable[..., EngineWorld]

ADA = Actor("ada")


async def resuming(world: EngineWorld) -> tuple[EngineProcess, VirtualQueue]:
    """A replica that resumes a reservation which another one may have published."""
    queue = world.by_queue()
    world.participants.on_call = lambda command, _: queue.go_away() if command.method == "PriceOrder" else None
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: f"{SAGA}/{RESERVING}#1" in queue.published)
    world.crash()
    queue.is_there = False
    process = await world.open()
    await turns()
    return process, queue


async def test_a_cancel_waits_for_a_moment_and_not_for_the_queue(world: EngineWorld) -> None:
    process, queue = await resuming(world)
    cancelling = asyncio.ensure_future(process.acts.cancel(SAGA, "enough", ADA))
    await let_pass_until(world, cancelling.done)
    assert world.state().rollback is not None
    queue.is_there = True
    queue.come_back()
    world.clock.advance(10)

    assert (await world.stopped()).status is Status.COMPENSATED
    assert "ReleaseStock" in world.participants.methods()


async def test_nor_does_a_pause(world: EngineWorld) -> None:
    process, queue = await resuming(world)
    pausing = asyncio.ensure_future(process.acts.pause(SAGA, "look", ADA))
    await let_pass_until(world, pausing.done)
    assert world.state().status is Status.SUSPENDED
    queue.is_there = True
    queue.come_back()
    await process.acts.resume(SAGA, "on", ADA)

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD


async def test_nor_does_a_deadline(world_of: WorldOf) -> None:
    world = world_of(replace(trip, deadline=timedelta(seconds=10)))
    await resuming(world)
    await let_pass_until(world, lambda: world.state().rollback)


async def test_it_holds_no_place_at_its_participant_and_is_not_parked(world: EngineWorld) -> None:
    process, queue = await resuming(world)
    breaker = process.worker.bindings.breakers["shop.inventory.v1.InventoryService"]
    assert breaker.in_flight == 1
    for _ in range(10):
        world.clock.advance(2.0)
        await turns()

    assert breaker.in_flight == 0
    assert not {e.SagaParked, e.CommandQueued} & set(kinds(world)[kinds(world).index(e.SagaRecovered) :])
    queue.is_there = True
    await let_pass_until(world, lambda: e.SagaParked in kinds(world))
    assert e.CommandQueued in kinds(world)


async def test_what_was_not_published_before_is_published_when_the_queue_is_back(world: EngineWorld) -> None:
    _, queue = await resuming(world)
    queue.lose_all()
    for _ in range(10):
        world.clock.advance(2.0)
        await turns()
    queue.is_there = True
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD
    assert e.AttemptFailed not in kinds(world)
