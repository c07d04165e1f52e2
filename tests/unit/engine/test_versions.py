"""Several versions of a saga live side by side: each saga stays on the one with which it started."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator import saga
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.engine.replay_check import Finding, Verifier
from orchestrator.journal.state import Status
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import AUTHORIZE, RESERVE, SAGA, Answer, Shop, order_of, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import Definition, EngineWorld


@saga("sell", version=1)
async def sell(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE)
    await shop.payment.AuthorizePayment(AUTHORIZE)
    return Receipt(order_id="as ever")


@saga("sell", version=2)
async def sell_2(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.payment.AuthorizePayment(AUTHORIZE)
    await shop.inventory.ReserveStock(RESERVE)
    return Receipt(order_id="anew")


@saga("sell", version=1)
async def sell_edited_in_place(order: StartOrderRequest, shop: Shop) -> Receipt:
    return await sell_2(order, shop)


async def interrupted(world: EngineWorld) -> None:
    """A saga of version 1 has come to its second command when its process dies."""
    never = Answer()
    world.participants.scripts["AuthorizePayment"].append(never)
    run = asyncio.ensure_future(world.process().worker.start(world.order(), wait=1e6))
    await until(lambda: never.asked)
    run.cancel()
    world.crash()


def result(world: EngineWorld, saga_id: str = SAGA) -> str:
    state = world.state(saga_id)
    assert state.status is Status.COMPLETED
    return Receipt.FromString(state.result or b"").order_id


async def test_a_recovered_saga_stays_on_its_version_while_new_ones_use_the_newest(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(sell)
    await interrupted(world)

    process = await world.open(sell, sell_2)
    newest = process.worker.served.find("sell", 0)
    assert newest is not None
    assert newest.definition is sell_2
    await process.worker.start(order_of(newest.definition, saga_id="saga-2"), wait=1e6)
    await world.stopped()

    assert (result(world), result(world, "saga-2")) == ("as ever", "anew")
    assert (world.state().version, world.state("saga-2").version) == (1, 2)


async def test_an_older_version_can_still_be_asked_for(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(sell, sell_2)
    process = world.process()
    await process.worker.start(order_of(sell), wait=1e6)

    assert result(world) == "as ever"


async def finding(world: EngineWorld, *definitions: Definition) -> Finding:
    verifier = Verifier((definition, read_plan(definition)) for definition in definitions)
    return (await verifier.verify(SAGA, world.entries())).finding


async def test_before_a_deploy_a_version_edited_in_place_is_caught_and_a_new_one_is_not(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(sell)
    await interrupted(world)

    assert await finding(world, sell, sell_2) is Finding.IN_LINE
    assert await finding(world, sell_edited_in_place, sell_2) is Finding.DIVERGED
    assert await finding(world, sell_2) is Finding.MISSING


async def test_what_verify_calls_diverged_recovery_suspends(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(sell)
    await interrupted(world)
    sent = len(world.participants.calls)
    await world.open(sell_edited_in_place)
    state = await world.stopped()

    assert state.status is Status.SUSPENDED
    assert state.suspension is not None
    assert state.suspension.code == "DIVERGED"
    assert state.suspension.message == (
        "the code waits for PaymentService.AuthorizePayment#1; the journal goes on with InventoryService.ReserveStock#1"
    )
    assert len(world.participants.calls) == sent


async def test_on_a_shared_journal_a_replica_leaves_alone_what_it_does_not_serve(
    world_of: Callable[..., EngineWorld],
) -> None:
    """Another one may serve it: the old version before a deploy is through, the new one before it has begun."""
    world = world_of(sell)
    world.journal.shared = True
    await interrupted(world)
    before = world.entries()
    assert await world.process(sell_2).worker.open() == 0
    assert world.entries() == before

    await world.open(sell, sell_2)
    await world.stopped()
    assert result(world) == "as ever"


async def test_where_no_other_replica_can_be_a_saga_of_a_version_that_is_not_served_is_suspended(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(sell)
    await interrupted(world)
    await world.open(sell_2)

    assert (await world.stopped()).status is Status.SUSPENDED
