"""Ids of children and keys of commands stay within what operators and participants can say, at any depth."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from orchestrator import child, saga, scope
from orchestrator.engine.run.commands import command_issuer
from orchestrator.journal import keys
from orchestrator.journal.keys import (
    LONGEST_KEY,
    LONGEST_SAGA_ID,
    bounded,
    compensation_key,
    idempotency_key,
    longest_command_key,
    related,
    relation,
)
from orchestrator.journal.state import Status
from orchestrator.participant.metadata import CallMetadata, Kind
from orchestrator.ports.catalogue import SagaFilter
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import (
    ARRANGE,
    CONFIRM,
    RESERVE,
    SAGA,
    Answer,
    EngineWorld,
    Shop,
    order_of,
    rejected,
    until,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from orchestrator.journal.keys import Relation
    from tests.support.engine_world import Definition

WIDE = "w" * 64
DEPTH = 6
UNBOUNDED = 1_000_000


@saga("innermost", version=1)
async def innermost(order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE)
    return Receipt(order_id=order.customer_id)


def parent_of(offspring: Definition, number: int) -> Definition:
    @saga(f"level_{number}", version=1)
    async def level(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - a saga has two parameters
        with scope(WIDE):
            return await child(offspring, order)

    return level


def generations() -> list[Definition]:
    """The outermost first."""
    definitions: list[Definition] = [innermost]
    for number in range(DEPTH):
        definitions.insert(0, parent_of(definitions[0], number))
    return definitions


@saga("deeply_scoped", version=1)
async def deeply_scoped(order: StartOrderRequest, shop: Shop) -> Receipt:
    with ExitStack() as stack:
        for number in range(10):
            stack.enter_context(scope(f"{number}{WIDE[1:]}"))
        await shop.inventory.ReserveStock(RESERVE)
        await shop.inventory.ReserveStock(RESERVE)
        await shop.email.SendConfirmation(CONFIRM)
    return Receipt(order_id=order.customer_id)


@pytest.fixture
async def family() -> AsyncIterator[Callable[..., EngineWorld]]:
    worlds = []

    def build(*definitions: Definition) -> EngineWorld:
        worlds.append(EngineWorld(*definitions))
        return worlds[-1]

    yield build
    for world in worlds:
        world.check_promises()
        await world.end()


async def ids(world: EngineWorld) -> list[str]:
    records, _ = await world.journal.search(SagaFilter(), 100, "")
    return [record.saga_id for record in records]


def test_a_key_that_is_short_enough_stays_as_it_is() -> None:
    assert bounded("k" * LONGEST_KEY, LONGEST_KEY) == "k" * LONGEST_KEY


def test_a_key_that_is_too_long_keeps_its_beginning_and_its_end() -> None:
    key = f"{SAGA}/{WIDE * 10}/InventoryService.ReserveStock#1"
    short = bounded(key, LONGEST_SAGA_ID)
    assert len(short) == LONGEST_SAGA_ID
    assert short.startswith(SAGA)
    assert short.endswith("/InventoryService.ReserveStock#1")


def test_keys_that_differ_anywhere_still_differ() -> None:
    keys = [f"{SAGA}{'x' * at}y{'x' * (600 - at)}/Service.Method#1" for at in range(600)]
    assert len({bounded(key, LONGEST_SAGA_ID) for key in keys}) == len(keys)


async def test_the_ids_of_children_are_bounded_at_any_depth(family: Callable[..., EngineWorld]) -> None:
    world = family(*generations())
    state = await world.process().worker.start(order_of(world.definitions[0]), wait=1e6)
    assert state.status is Status.COMPLETED
    found = await ids(world)
    assert len(set(found)) == DEPTH + 1
    assert max(map(len, found)) == LONGEST_SAGA_ID
    assert all(each.startswith(SAGA[:40]) for each in found)


async def test_a_rollback_finds_the_children_whose_ids_were_shortened(family: Callable[..., EngineWorld]) -> None:
    world = family(*generations())
    world.participants.scripts["ReserveStock"] = [rejected()]
    state = await world.process().worker.start(order_of(world.definitions[0]), wait=1e6)
    assert state.status is Status.COMPENSATED
    assert {world.state(each).status for each in await ids(world)} == {Status.COMPENSATED}


@pytest.mark.parametrize("ids_were_unbounded", [False, True])
async def test_a_crash_finds_the_children_that_run_by_the_ids_they_have(
    ids_were_unbounded: bool, family: Callable[..., EngineWorld], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = family(*generations())
    never = Answer()
    world.participants.scripts["ReserveStock"].append(never)
    if ids_were_unbounded:
        monkeypatch.setattr(keys, "LONGEST_SAGA_ID", UNBOUNDED)
    run = asyncio.ensure_future(world.process().worker.start(order_of(world.definitions[0]), wait=1e6))
    await until(lambda: never.asked)
    run.cancel()
    monkeypatch.undo()
    before = await ids(world)
    assert (max(map(len, before)) > LONGEST_SAGA_ID) == ids_were_unbounded

    await world.recover()
    assert (await world.stopped()).status is Status.COMPLETED
    assert await ids(world) == before
    assert len({call.key for call in world.participants.of("ReserveStock")}) == 1


@pytest.mark.parametrize("keys_were_unbounded", [False, True])
async def test_a_crash_finds_the_commands_in_nested_scopes_by_the_keys_they_have(
    keys_were_unbounded: bool, family: Callable[..., EngineWorld], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = family(deeply_scoped)
    never = Answer()
    world.participants.scripts["ReserveStock"] = [None, never]
    if keys_were_unbounded:
        monkeypatch.setattr(command_issuer, "longest_command_key", lambda _: UNBOUNDED)
    run = asyncio.ensure_future(world.process().worker.start(order_of(deeply_scoped), wait=1e6))
    await until(lambda: never.asked)
    run.cancel()
    monkeypatch.undo()
    before = list(world.state().commands)
    assert (max(map(len, before)) > LONGEST_KEY) == keys_were_unbounded

    await world.recover()
    assert (await world.stopped()).status is Status.COMPLETED
    after = list(world.state().commands)
    assert after[:2] == before
    assert len(after[2]) == longest_command_key(SAGA)


@saga("scoped", version=1)
async def scoped(order: StartOrderRequest, shop: Shop) -> Receipt:
    with ExitStack() as stack:
        for number in range(7):
            stack.enter_context(scope(f"{number}{WIDE[1:]}"))
        await shop.inventory.ReserveStock(RESERVE)
        await shop.shipping.ArrangeShipment(ARRANGE)
    return Receipt(order_id=order.customer_id)


@pytest.mark.parametrize("definition", [scoped, deeply_scoped], ids=["at the edge", "far beyond it"])
async def test_a_command_that_participants_take_has_a_compensation_that_they_take(
    family: Callable[..., EngineWorld], definition: Definition
) -> None:
    world = family(definition)
    refused = "ArrangeShipment" if definition is scoped else "SendConfirmation"
    world.participants.scripts[refused] = [rejected()]
    state = await world.process().worker.start(order_of(definition), wait=1e6)

    assert state.status is Status.COMPENSATED
    keys_by_method = {(call.method, call.key) for call in world.participants.calls}
    assert {method for method, _ in keys_by_method} >= {"ReserveStock", "ReleaseStock"}
    for method, key in keys_by_method:
        assert list(CallMetadata(idempotency_key=key).nonsense(Kind.COMMAND)) == [], method
    assert {key.replace("/compensation:", "/") for _, key in keys_by_method if "compensation:" in key} == {
        key for method, key in keys_by_method if method == "ReserveStock"
    }


@pytest.mark.parametrize("longest_id", [36, LONGEST_SAGA_ID])
def test_a_key_that_has_room_beside_the_id_of_its_saga_stays_as_it_is(longest_id: int) -> None:
    saga_id = "s" * longest_id
    longest = longest_command_key(saga_id)
    whole = idempotency_key(saga_id, compensation_key("k" * longest))

    assert list(CallMetadata(idempotency_key=whole).nonsense(Kind.COMPENSATION)) == []
    assert len(list(CallMetadata(idempotency_key=f"{whole}k").nonsense(Kind.COMPENSATION))) == 1


@pytest.mark.parametrize("word", ["compensates", "verifies"])
def test_the_key_of_a_command_has_another_name_in_a_service_that_never_had_the_command(word: Relation) -> None:
    target = SimpleNamespace(service="refunds.v1.RefundService")

    own = relation(word, "saga-1/Refund#1", "refunds.v1.RefundService.Refund", target)  # type: ignore[arg-type]
    foreign = relation(word, "saga-1/Charge#1", "boutique.PaymentService.Charge", target)  # type: ignore[arg-type]

    assert own == (word, "saga-1/Refund#1")
    assert foreign == (f"{word}-foreign", "saga-1/Charge#1")
    assert [related(word, dict([each])) for each in (own, foreign)] == ["saga-1/Refund#1", "saga-1/Charge#1"]
    assert related(word, {"idempotency-key": "saga-1/Refund#1"}) == ""
