"""A start is durable, and is done once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator import CommandRejected, saga
from orchestrator.errors import JournalUnavailable, SagaExists
from orchestrator.journal.entries import SagaRecovered, SagaStarted
from orchestrator.journal.state import SagaState, Status
from orchestrator.ports.catalogue import SagaFilter
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import FORWARD, ORDER, PRICE, RESERVE, SAGA, Answer, Shop, rejected, turns, until
from tests.unit.engine.held_sagas import started

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineWorld


OTHER = StartOrderRequest(customer_id="bob")


async def test_a_start_is_answered_once_it_is_durable(world: EngineWorld) -> None:
    process = world.process()
    process.journal.journal_is = "held"
    start = asyncio.ensure_future(process.worker.start(world.order()))
    await turns()
    assert not start.done()

    process.journal.switch("up")
    await start
    assert isinstance(world.entries()[0], SagaStarted)


async def test_a_start_that_the_journal_cannot_take_is_refused_and_can_be_repeated(world: EngineWorld) -> None:
    process = world.process()
    process.journal.journal_is = "down"
    with pytest.raises(JournalUnavailable):
        await process.worker.start(world.order())
    assert set(world.participants.methods()) <= {"PriceOrder"}, "nothing that has an effect"
    await until(lambda: not process.worker.live)

    process.journal.switch("up")
    assert (await process.run()).status is Status.COMPLETED


async def test_a_repeated_start_finds_the_saga_that_it_started(world: EngineWorld) -> None:
    process, answer = await started(world, "ReserveStock")
    again = await process.worker.start(world.order())
    assert again.status is Status.RUNNING
    answer.give()
    await world.stopped()
    after = await process.worker.start(world.order())

    assert after.status is Status.COMPLETED
    assert world.participants.methods().count("ReserveStock") == 1


async def test_two_equal_starts_at_once_start_one_saga(world: EngineWorld) -> None:
    process = world.process()
    states = await asyncio.gather(*(process.worker.start(world.order(), wait=60) for _ in range(3)))

    assert [state.status for state in states] == [Status.COMPLETED] * 3
    assert world.participants.methods() == FORWARD


async def test_two_equal_starts_at_two_replicas_start_one_saga(world: EngineWorld) -> None:
    processes = [world.process(), world.process()]
    await asyncio.gather(*(process.worker.start(world.order()) for process in processes))
    await world.stopped()

    effects = [method for method in world.participants.methods() if method != "PriceOrder"]
    assert effects == FORWARD[1:]


@pytest.mark.parametrize("when", ["at once", "while it runs", "after its end", "after a restart"])
async def test_a_start_with_the_same_id_and_other_content_is_refused(world: EngineWorld, when: str) -> None:
    first: asyncio.Future[SagaState] | None = None
    if when == "at once":
        process = world.process()
        first = asyncio.ensure_future(process.worker.start(world.order()))
        await asyncio.sleep(0)
    elif when == "while it runs":
        process, _ = await started(world, "ReserveStock")
    else:
        process = world.process()
        await process.run()
        if when == "after a restart":
            process = await world.recover()
    with pytest.raises(SagaExists, match="saga saga-1 was started by the same request id with another content"):
        await process.worker.start(world.order(OTHER))

    if first is not None:
        await first
    assert world.state().input == ORDER.SerializeToString()


async def test_looking_at_a_saga_while_its_start_is_repeated_shows_the_saga(world: EngineWorld) -> None:
    """The repeated start seems to start the saga again until the journal says that it exists."""
    await world.process().run()
    process = world.process()
    process.journal.journal_is = "held"
    again = asyncio.ensure_future(process.worker.start(world.order()))
    await turns()
    seen = asyncio.ensure_future(process.worker.get(SAGA))
    await turns()
    process.journal.switch("up")

    assert (await seen).status is Status.COMPLETED
    assert (await again).status is Status.COMPLETED


async def test_a_saga_keeps_its_caller_and_what_it_can_be_listed_by(world: EngineWorld) -> None:
    order = world.order()._replace(attributes=(("customer_id", "ada"),), traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    process = world.process()
    state = await process.worker.start(order, wait=60)

    assert (state.attributes, state.traceparent, state.sampled) == (order.attributes, order.traceparent, True)
    (call, *_) = world.participants.calls
    assert call.metadata["traceparent"].startswith(f"00-{'a' * 32}-")
    records, token = await process.worker.adapters.journal.search(SagaFilter(attributes=order.attributes), 10, "")
    assert ([record.saga_id for record in records], token) == ([SAGA], "")


async def test_a_start_repeated_after_a_failure_is_advanced_by_one_executor(world: EngineWorld) -> None:
    """What the failed start left behind looks for the saga, and finds it well looked after."""
    answer = Answer()
    world.participants.scripts["ReserveStock"] = [answer]
    process = world.process()
    process.journal.journal_is = "down"
    with pytest.raises(JournalUnavailable):
        await process.worker.start(world.order())
    world.clock.hold_from = 0.0
    await until(lambda: not process.worker.live)
    process.journal.switch("up")
    await process.worker.start(world.order())
    await until(lambda: answer.asked)
    world.clock.hold_from = 10.0
    world.clock.advance(2)
    await turns()
    answer.give()

    assert (await world.stopped()).status is Status.COMPLETED
    assert not [entry for entry in world.entries() if isinstance(entry, SagaRecovered)]


async def test_a_start_in_flight_is_acknowledged_even_if_the_code_gives_up_the_branch_that_wrote_it(
    world_of: Callable[..., EngineWorld],
) -> None:
    """A TaskGroup cancels the branch whose append carries the start; the caller who started the saga is answered."""

    async def doomed(_order: StartOrderRequest, shop: Shop) -> Receipt:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(shop.pricing.PriceOrder(PRICE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
                group.create_task(shop.inventory.ReserveStock(RESERVE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
        except* CommandRejected:
            pass
        return Receipt()

    world = world_of(saga("doomed", version=1)(doomed))
    world.participants.scripts["PriceOrder"] = [rejected()]
    process = world.process()
    process.journal.journal_is = "held"
    start = asyncio.ensure_future(process.worker.start(world.order()))
    await turns()
    process.journal.switch("up")
    await start

    assert (await world.stopped()).status is Status.SUSPENDED
    assert world.state().reason is not None
    assert world.observer.entries[SAGA] == world.entries()
