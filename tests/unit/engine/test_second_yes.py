"""Approvals that two people must give."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator import approval, saga
from orchestrator.errors import ActRefused, SignalTimedOut
from orchestrator.journal.entries import ActProposed, SagaWoken, SignalReceived
from orchestrator.journal.four_eyes import FourEyes
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import RESERVE, SAGA, Answer, EngineWorld, Shop, turns, until
from tests.support.waiting_sagas import approved, decision

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineProcess

    WorldOf = Callable[..., EngineWorld]


@saga("asks_twice", version=1)
async def asks_twice(order: StartOrderRequest, shop: Shop) -> Receipt:
    """It asks for a yes in time, and then again."""
    await shop.inventory.ReserveStock(RESERVE)
    told = "in time"
    try:
        await approval(timeout=timedelta(hours=1))
    except SignalTimedOut:
        told = "too late"
    await approval()
    return Receipt(order_id=order.customer_id, carrier=told)


async def open_waiting(world: EngineWorld, names: tuple[str, ...] = ("approve",)) -> EngineProcess:
    """A replica that has parked the saga of the world, and whose approvals need two people."""
    world.four_eyes = FourEyes(names)
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: world.state().status is Status.WAITING and SAGA not in process.worker.live)
    return process


async def refusal(process: EngineProcess, by: str, request_id: str = "") -> str:
    with pytest.raises(ActRefused) as refused:
        await process.sagas.signal(SAGA, decision(by=by, request_id=request_id or f"of {by}", reason=f"{by} has seen"))
    return refused.value.reason


async def test_the_first_yes_leaves_a_parked_saga_parked_and_the_second_one_lets_it_go_on(world_of: WorldOf) -> None:
    world = world_of(approved)
    process = await open_waiting(world)

    assert await refusal(process, "ada") == "SECOND_PERSON_NEEDED"
    assert world.state().status is Status.WAITING
    proposed = world.entries()[-1]
    await process.sagas.signal(SAGA, decision(by="bob", request_id="of bob"))
    state = await world.stopped()

    assert isinstance(proposed, ActProposed)
    assert (proposed.key, proposed.reason.code) == ("signal:approval#1", ReasonCode.DECIDED)
    assert (proposed.reason.requested_by, proposed.reason.message) == ("ada", "ada has seen")
    assert state.status is Status.COMPLETED
    assert [each.requested_by.name for each in world.entries() if isinstance(each, SignalReceived)] == ["bob"]


async def test_the_first_yes_outlives_the_replica_at_which_it_was_said(world_of: WorldOf) -> None:
    world = world_of(approved)
    assert await refusal(await open_waiting(world), "ada") == "SECOND_PERSON_NEEDED"

    other = await world.recover()

    assert await refusal(other, "ada") == "SECOND_PERSON_NEEDED"
    await other.sagas.signal(SAGA, decision(by="bob"))
    assert (await world.stopped()).status is Status.COMPLETED


async def test_one_person_is_not_two_however_often_they_say_yes(world_of: WorldOf) -> None:
    world = world_of(approved)
    process = await open_waiting(world)

    for request_id in ("1", "2", "3"):
        assert await refusal(process, "ada", request_id) == "SECOND_PERSON_NEEDED"

    assert len([each for each in world.entries() if isinstance(each, ActProposed)]) == 1
    assert not [each for each in world.entries() if isinstance(each, SagaWoken)]


async def test_a_repeated_second_yes_is_answered_as_the_first_time(world_of: WorldOf) -> None:
    process = await open_waiting(world_of(approved))
    await refusal(process, "ada")

    for _ in range(2):
        state = await process.sagas.signal(SAGA, decision(by="bob", request_id="of bob"))
        assert "of bob" in state.signals


async def test_a_no_needs_one_person_and_may_follow_a_yes(world_of: WorldOf) -> None:
    world = world_of(approved)
    process = await open_waiting(world)
    await refusal(process, "ada")

    await process.sagas.signal(SAGA, decision(by="ada", request_id="no", approved=False))

    assert Receipt.FromString((await world.stopped()).result or b"").carrier == "no"


async def test_a_yes_in_memory_needs_two_people_as_well(world_of: WorldOf) -> None:
    world = world_of(approved)
    world.four_eyes = FourEyes(["approve"])
    process = await world.open()
    world.clock.hold_from = 1.0
    await process.worker.start(world.order())
    await until(lambda: "signal:approval#1" in world.state().waits)
    await turns()
    assert SAGA in process.worker.live

    assert await refusal(process, "ada") == "SECOND_PERSON_NEEDED"
    assert world.state().proposals, "it is durable when it is told"
    await process.sagas.signal(SAGA, decision(by="bob"))

    assert Receipt.FromString((await world.stopped()).result or b"").carrier == "yes"


async def test_a_first_yes_ends_with_the_wait_for_which_it_was_said(world_of: WorldOf) -> None:
    world = world_of(asks_twice)
    world.clock.hold_from = 1800.0
    process = await open_waiting(world)
    assert await refusal(process, "ada") == "SECOND_PERSON_NEEDED"

    world.clock.advance(3700)
    await until(lambda: "signal:approval#2" in world.state().waits)

    assert await refusal(process, "bob") == "SECOND_PERSON_NEEDED"
    await process.sagas.signal(SAGA, decision(by="ada"))
    assert Receipt.FromString((await world.stopped()).result or b"").carrier == "too late"


@pytest.mark.parametrize(("name", "needs_two"), [("approve:approval", True), ("approve:large", False), ("skip", False)])
async def test_approvals_of_one_name_can_be_meant(world_of: WorldOf, name: str, needs_two: bool) -> None:
    process = await open_waiting(world_of(approved), (name,))

    if needs_two:
        assert await refusal(process, "ada") == "SECOND_PERSON_NEEDED"
    else:
        assert (await process.sagas.signal(SAGA, decision(by="ada"))).signals


async def test_a_first_yes_at_another_replica_is_refused_there_once_it_is_durable() -> None:
    world = EngineWorld(approved, shared=True)
    world.four_eyes = FourEyes(["approve"])
    owner, other = await world.open(), await world.open()
    never = Answer()
    world.participants.scripts["ReserveStock"] = [never]
    await owner.worker.start(world.order())
    await until(lambda: never.asked)

    first = asyncio.ensure_future(other.sagas.signal(SAGA, decision(by="ada", request_id="of ada")))
    await world.let_pass(3)
    with pytest.raises(ActRefused) as refused:
        await first
    assert refused.value.reason == "SECOND_PERSON_NEEDED"
    assert world.state().proposals
    second = asyncio.ensure_future(other.sagas.signal(SAGA, decision(by="bob", request_id="of bob")))
    await world.let_pass(3)

    assert list((await second).signals) == ["of bob"]
    await world.end()


@pytest.mark.parametrize("name", ["approved", "approve:", "approve:Large", "skip:approval", ""])
def test_what_is_none_of_the_names_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not resolve, skip, approve"):
        FourEyes([name])
