"""What people may say of a command while a queue may deliver it: not that it has no effect."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator import TimeLimitPassed, sleep, timeout
from orchestrator.errors import ActRefused
from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.decisions import CommandDecision
from orchestrator.journal.state import Status
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import FORWARD, RESERVE, SAGA, Shop, altered, trip, turns, until
from tests.support.queued_sagas import RESERVING, kinds, let_park, let_pass_until
from tests.unit.engine.doubtful_sagas import saga_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.testing.world.queue import VirtualQueue
    from tests.support.engine_world import EngineProcess, EngineWorld

    WorldOf = Callable[..., EngineWorld]

ADA = Actor("ada")


async def reserving(world: EngineWorld) -> tuple[EngineProcess, VirtualQueue]:
    """A replica whose saga is parked, because its reservation is in the queue."""
    queue = world.by_queue()
    world.participants.on_call = lambda command, _: queue.go_away() if command.method == "PriceOrder" else None
    process = await world.open()
    await process.worker.start(world.order())
    await let_park(world)
    return process, queue


async def refused_to_resolve(process: EngineProcess, key: str) -> str:
    """Why nobody may say that the command has no effect."""
    with pytest.raises(ActRefused) as refused:
        await process.acts.resolve_outcome(
            SAGA, key, took_effect=False, reply=None, evidence="they have none", requested_by=ADA
        )
    return refused.value.reason


async def test_nobody_says_that_a_command_has_no_effect_while_the_queue_holds_it(world: EngineWorld) -> None:
    process, queue = await reserving(world)
    await process.acts.pause(SAGA, "look", ADA)
    before = world.entries()
    assert await refused_to_resolve(process, RESERVING) == "IN_QUEUE"
    with pytest.raises(ActRefused):
        await process.acts.needs_second(Act.RESOLVE_OUTCOME, SAGA, CommandDecision(RESERVING), ADA)
    assert world.entries() == before
    await process.acts.resume(SAGA, "on", ADA)
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD


async def test_one_may_once_it_can_be_executed_no_more(world: EngineWorld) -> None:
    process, queue = await reserving(world)
    await process.acts.pause(SAGA, "look", ADA)
    world.clock.advance(queue.queue_seconds + 60)
    await process.acts.resolve_outcome(
        SAGA, RESERVING, took_effect=False, reply=None, evidence="they have none", requested_by=ADA
    )
    await process.acts.resume(SAGA, "on", ADA)

    assert (await world.stopped()).status is Status.COMPENSATED
    queue.come_back()
    await turns()
    assert "ReserveStock" not in world.participants.methods()


async def test_nor_that_it_was_taken_back_by_other_means(world: EngineWorld) -> None:
    process, _ = await reserving(world)
    await process.acts.cancel(SAGA, "enough", ADA)
    await let_pass_until(world, lambda: kinds(world)[-1] is e.SagaParked)
    await process.acts.pause(SAGA, "look", ADA)
    with pytest.raises(ActRefused) as refused:
        await process.acts.resolve_compensation(SAGA, RESERVING, "they have none", ADA)

    assert refused.value.reason == "IN_QUEUE"


async def test_nor_of_one_that_a_process_may_have_published_before_it_died(world_of: WorldOf) -> None:
    world = world_of(altered(trip, "ReserveStock", idempotent=False))
    queue = world.by_queue()
    world.participants.on_call = lambda command, _: queue.go_away() if command.method == "PriceOrder" else None
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: f"{SAGA}/{RESERVING}#1" in queue.published)
    world.crash()
    process = await world.open(saga_of(cut_short))
    await until(lambda: world.state().status is Status.SUSPENDED)

    assert await refused_to_resolve(process, RESERVING) == "IN_QUEUE"
    world.clock.advance(queue.queue_seconds + 60)
    await process.acts.resolve_outcome(
        SAGA, RESERVING, took_effect=False, reply=None, evidence="they have none", requested_by=ADA
    )


async def cut_short(order: StartOrderRequest, shop: Shop) -> Receipt:
    """It does without the reservation that takes too long."""
    with contextlib.suppress(TimeLimitPassed):
        async with timeout(timedelta(seconds=len(order.customer_id))):
            await shop.inventory.ReserveStock(RESERVE)
    await sleep(timedelta(days=1))
    return Receipt()


@pytest.mark.parametrize("seconds", [1, 10])
async def test_nor_of_one_on_which_the_code_has_given_up(world_of: WorldOf, seconds: int) -> None:
    world = world_of(saga_of(cut_short))
    queue = world.by_queue()
    queue.go_away()
    world.clock.hold_from = 0.5
    process = await world.open()
    await process.worker.start(world.order(StartOrderRequest(customer_id="x" * seconds)))
    await let_pass_until(world, lambda: RESERVING in world.state().settled)
    await let_pass_until(world, lambda: world.state().status is Status.WAITING)
    await process.acts.pause(SAGA, "look", ADA)

    assert await refused_to_resolve(process, RESERVING) == "IN_QUEUE"
