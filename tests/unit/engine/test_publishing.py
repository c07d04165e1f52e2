"""What a saga publishes: told once nothing can make it untrue, never where it rolls back, the same in every replay."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator import child, publish, saga, scope
from orchestrator.errors import DefinitionError
from orchestrator.journal.entries import EventPublished
from orchestrator.journal.events import Standing
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from saga.v1 import events_pb2
from shop.order.v1.events_pb2 import OrderPlaced
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import (
    AUTHORIZE,
    CAPTURE,
    CONFIRM,
    ORDER,
    RESERVE,
    SAGA,
    Answer,
    Shop,
    order_of,
    recoded,
    rejected,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineWorld

PLACED = "shop.order.v1.OrderPlaced"


def placed(order_id: str) -> OrderPlaced:
    return OrderPlaced(order_id=order_id)


@saga("announced", version=1)
async def announced(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Publishes before the pivot and after it."""
    await publish(placed("before the first command"))
    await shop.payment.AuthorizePayment(AUTHORIZE)
    await publish(placed("before the pivot"))
    await shop.payment.CapturePayment(CAPTURE)
    await publish(placed("after the pivot"))
    await shop.email.SendConfirmation(CONFIRM)
    return Receipt(order_id=order.customer_id)


@saga("announced_without_pivot", version=1)
async def announced_without_pivot(order: StartOrderRequest, shop: Shop) -> Receipt:
    await publish(placed("before"))
    await shop.inventory.ReserveStock(RESERVE)
    await publish(placed("after"))
    return Receipt(order_id=order.customer_id)


@saga("announced_at_once", version=1)
async def announced_at_once(order: StartOrderRequest, shop: Shop) -> Receipt:
    await publish(placed("provisional"), at_once=True)
    await shop.payment.AuthorizePayment(AUTHORIZE)
    await shop.payment.CapturePayment(CAPTURE)
    await publish(placed("certain"), at_once=True)
    return Receipt(order_id=order.customer_id)


@saga("announced_side_by_side", version=1)
async def announced_side_by_side(order: StartOrderRequest, shop: Shop) -> Receipt:
    async def branch(name: str) -> None:
        with scope(name):
            await publish(placed(f"{name} begins"), at_once=True)
            await shop.inventory.ReserveStock(RESERVE)
            await publish(placed(f"{name} ends"))

    await asyncio.gather(branch("a"), branch("b"))
    return Receipt(order_id=order.customer_id)


@saga("announcing_parent", version=1)
async def announcing_parent(order: StartOrderRequest, shop: Shop) -> Receipt:
    await child(announced_without_pivot, order)
    await shop.payment.AuthorizePayment(AUTHORIZE)
    await publish(placed("of the parent"))
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt(order_id=order.customer_id)


def names(world: EngineWorld) -> list[str]:
    """The order ids of the events in the outbox, in its order."""
    return [OrderPlaced.FromString(event.payload).order_id for event in world.told() if event.type == PLACED]


async def held_at(world: EngineWorld, rpc: str) -> Answer:
    """Start a saga, and wait until it asks for this."""
    answer = Answer()
    world.participants.scripts[rpc] = [answer]
    await world.process().worker.start(world.order())
    await until(lambda: answer.asked)
    return answer


async def test_what_is_published_before_the_pivot_is_told_only_once_that_is_accepted(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(announced)
    capture = await held_at(world, "CapturePayment")
    assert [entry.key for entry in world.entries() if isinstance(entry, EventPublished)] == [
        f"event:{PLACED}#1",
        f"event:{PLACED}#2",
    ]
    assert names(world) == []

    capture.give()
    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert names(world) == ["before the first command", "before the pivot", "after the pivot"]
    assert not any(event.provisional for event in world.told())


@pytest.mark.parametrize("rpc", ["AuthorizePayment", "CapturePayment"])
async def test_what_a_saga_held_is_dropped_when_it_rolls_back(world_of: Callable[..., EngineWorld], rpc: str) -> None:
    world = world_of(announced)
    world.participants.scripts[rpc] = [rejected(echoed=True)]

    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert names(world) == []
    assert {event.standing for event in state.events.by_key.values()} == {Standing.DROPPED}


async def test_a_saga_without_a_pivot_holds_what_it_publishes_until_it_completes(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(announced_without_pivot)
    reserve = await held_at(world, "ReserveStock")
    assert names(world) == []

    reserve.give()
    await world.stopped()

    assert names(world) == ["before", "after"]


async def test_what_is_told_at_once_is_provisional_until_the_pivot_is_accepted(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(announced_at_once)
    authorize = await held_at(world, "AuthorizePayment")
    assert names(world) == ["provisional"]

    authorize.give(rejected(echoed=True))
    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert [event.provisional for event in world.told()] == [True]


async def test_what_is_told_at_once_after_the_pivot_is_certain(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(announced_at_once)

    await world.process().run()

    assert [(name, event.provisional) for name, event in zip(names(world), world.told(), strict=True)] == [
        ("provisional", True),
        ("certain", False),
    ]


@pytest.mark.parametrize("cut_after", range(1, 14))
async def test_each_event_is_told_once_and_under_one_id_wherever_the_process_dies(
    world_of: Callable[..., EngineWorld], cut_after: int
) -> None:
    smooth, cut = world_of(announced), world_of(announced)
    await smooth.process().run()
    dying = cut.process()
    dying.journal.cut_after = cut_after
    started = asyncio.ensure_future(dying.run())
    await until(lambda: started.done() or dying.is_dead)

    await cut.recover()
    state = await cut.stopped()

    assert state.status is Status.COMPLETED
    assert names(cut) == ["before the first command", "before the pivot", "after the pivot"]
    assert [event.event_id for event in cut.told()] == [event.event_id for event in smooth.told()]


@pytest.mark.parametrize("cut_after", range(1, 16))
async def test_branches_that_publish_are_replayed_wherever_the_process_dies(
    world_of: Callable[..., EngineWorld], cut_after: int
) -> None:
    world = world_of(announced_side_by_side)
    dying = world.process()
    dying.journal.cut_after = cut_after
    started = asyncio.ensure_future(dying.run())
    await until(lambda: started.done() or dying.is_dead)

    await world.recover()
    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert sorted(names(world)) == ["a begins", "a ends", "b begins", "b ends"]


@saga("announced", version=1)
async def announced_otherwise(order: StartOrderRequest, shop: Shop) -> Receipt:
    await publish(placed("another one"))
    await shop.payment.AuthorizePayment(AUTHORIZE)
    return Receipt(order_id=order.customer_id)


@saga("announced", version=1)
async def announced_no_more(order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.payment.AuthorizePayment(AUTHORIZE)
    return Receipt(order_id=order.customer_id)


@saga("announced", version=1)
async def announced_once_more(order: StartOrderRequest, shop: Shop) -> Receipt:
    await publish(placed("before the first command"))
    await publish(placed("an event more"))
    await shop.payment.AuthorizePayment(AUTHORIZE)
    return Receipt(order_id=order.customer_id)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (announced_otherwise, 'the journal holds {order_id: "before the first command"}; the code now publishes'),
        (announced_no_more, f"the journal goes on with event:{PLACED}#1"),
        (announced_once_more, f"the code now calls event:{PLACED}#2; the journal goes on with PaymentService"),
    ],
)
async def test_code_that_publishes_something_else_than_its_journal_says_is_suspended(
    world_of: Callable[..., EngineWorld], code: object, told: str
) -> None:
    world = world_of(announced)
    await held_at(world, "AuthorizePayment")

    await world.recover(recoded(announced, code.function, Shop, *announced.participants))  # type: ignore[attr-defined]
    state = await world.stopped()

    assert state.suspension is not None
    assert state.suspension.code == ReasonCode.DIVERGED
    assert told in state.suspension.message
    assert names(world) == []


async def test_what_a_child_held_is_told_with_the_pivot_of_its_parent(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(announcing_parent, announced_without_pivot)
    capture = Answer()
    world.participants.scripts["CapturePayment"] = [capture]
    await world.process().worker.start(order_of(announcing_parent, ORDER, SAGA))
    await until(lambda: capture.asked)
    child_id = f"{SAGA}/saga.announced_without_pivot#1"
    assert world.state(child_id).status is Status.COMPLETED
    assert names(world) == []

    capture.give()
    await world.stopped()

    assert names(world) == ["before", "after", "of the parent"]
    assert [event.saga_id for event in world.told()] == [child_id, child_id, SAGA]


async def test_what_a_child_held_is_dropped_when_its_parent_rolls_back(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(announcing_parent, announced_without_pivot)
    world.participants.scripts["AuthorizePayment"] = [rejected(echoed=True)]
    process = world.process()

    state = await process.worker.start(order_of(announcing_parent, ORDER, SAGA), wait=1e6)

    assert state.status is Status.COMPENSATED
    assert names(world) == []


async def test_the_life_of_a_saga_is_told_where_there_is_somebody_to_tell(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(announced)
    world.tells_life = True
    world.participants.scripts["CapturePayment"] = [rejected(echoed=True)]

    await world.process().run()

    assert [event.type for event in world.told()] == ["saga.v1.SagaStarted", "saga.v1.SagaCompensated"]
    compensated = events_pb2.SagaCompensated.FromString(world.told()[-1].payload)
    assert (compensated.saga.saga_id, compensated.saga.definition) == (SAGA, "announced")
    assert compensated.why.code == ReasonCode.REJECTED
    assert compensated.why.command.endswith("PaymentService.CapturePayment")


async def test_an_event_with_a_sensitive_field_is_refused() -> None:
    with pytest.raises(DefinitionError, match="may hold what must not be shown"):
        await publish(ORDER)


async def test_outside_a_saga_nothing_is_published() -> None:
    with pytest.raises(DefinitionError, match="was called outside a saga"):
        await publish(placed("nowhere"))
