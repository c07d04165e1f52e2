"""Before a deploy: would the code at hand find its journals as it left them? No participant hears of the question."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import orchestrator
from orchestrator import CommandRejected, SagaRejected, child, saga, scope
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.engine.replay_check import Finding, ReplayVerdict, Verifier
from orchestrator.engine.replica.capacity.limits import Limits
from orchestrator.journal.codec import encode
from orchestrator.journal.entries import RollbackBegan, SagaStarted
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import (
    ARRANGE,
    AUTHORIZE,
    CAPTURE,
    CONFIRM,
    FORWARD,
    PRICE,
    RESERVE,
    SAGA,
    Answer,
    EngineWorld,
    Shop,
    rejected,
    trip,
    turns,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Outcome
    from tests.support.engine_world import Definition

    Code = Callable[[StartOrderRequest, Shop], Awaitable[Receipt]]


@dataclass(frozen=True)
class Nothing:
    """No participant takes part."""


def edited(code: Code, version: int = 1) -> Definition:
    """The saga of the world, edited in place, or another version of it."""
    return saga("trip", version=version)(code)


async def verdict(world: EngineWorld, *definitions: Definition, entries: list[Entry] | None = None) -> ReplayVerdict:
    """What the code at hand would find; nothing is sent, and nothing written, to find out."""
    sent, written = list(world.participants.calls), list(world.entries())
    verifier = Verifier([(definition, read_plan(definition)) for definition in definitions or (trip,)])
    found = await verifier.verify(SAGA, world.entries() if entries is None else entries)
    assert world.participants.calls == sent
    assert world.entries() == written
    return found


async def interrupted(world: EngineWorld, method: str) -> None:
    """The saga has come to this method, whose answer has not come, when its process dies."""
    never = Answer()
    world.participants.scripts[method].append(never)
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: never.asked)
    run.cancel()
    world.crash()


@pytest.mark.parametrize("method", FORWARD[1:])
async def test_wherever_a_saga_was_interrupted_its_own_code_is_in_line(world: EngineWorld, method: str) -> None:
    await interrupted(world, method)

    assert await verdict(world) == ReplayVerdict(SAGA, "trip v1", Status.RUNNING, Finding.IN_LINE)


async def test_a_queued_saga_is_in_line_with_its_code_before_it_is_begun_and_after(world: EngineWorld) -> None:
    world.limits = Limits(live=1)
    process, answer = world.process(), Answer()
    world.participants.scripts["ReserveStock"].append(answer)
    await process.worker.open()
    await process.worker.start(world.order(saga_id="first"))
    await process.worker.start(world.order())

    assert await verdict(world) == ReplayVerdict(SAGA, "trip v1", Status.WAITING, Finding.IN_LINE)
    answer.give()
    await world.stopped()
    for number in range(2, len(world.entries()) + 1):
        assert (await verdict(world, entries=world.entries()[:number])).finding is Finding.IN_LINE


@pytest.mark.parametrize("refused", [None, *FORWARD[1:5]])
async def test_however_a_saga_has_ended_each_beginning_of_its_journal_is_in_line(
    world: EngineWorld, refused: str | None
) -> None:
    if refused:
        world.participants.scripts[refused] = [rejected()]
    await world.process().run()

    for number in range(1, len(world.entries()) + 1):
        found = await verdict(world, entries=world.entries()[:number])
        assert found.finding is Finding.IN_LINE, (number, found)


async def other_request(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.pricing.PriceOrder(PRICE)
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id="another"))
    return Receipt()


async def other_order(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.pricing.PriceOrder(PRICE)
    await shop.payment.AuthorizePayment(AUTHORIZE)
    await shop.shipping.ArrangeShipment(ARRANGE)
    await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def one_less(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.pricing.PriceOrder(PRICE)
    await shop.payment.AuthorizePayment(AUTHORIZE)
    await shop.payment.CapturePayment(CAPTURE)
    await shop.email.SendConfirmation(CONFIRM)
    return Receipt()


async def gives_up(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.pricing.PriceOrder(PRICE)
    raise SagaRejected("TOO_DEAR", "not today")


async def returns_early(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.pricing.PriceOrder(PRICE)
    return Receipt()


async def waits_for_one_of_two(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.pricing.PriceOrder(PRICE)
    await shop.payment.AuthorizePayment(AUTHORIZE)
    return Receipt()


async def fails(_order: StartOrderRequest, shop: Shop) -> Receipt:
    price = await shop.pricing.PriceOrder(PRICE)
    raise KeyError(price.total.currency_code or "EUR")


async def waits_by_itself(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.pricing.PriceOrder(PRICE)
    await asyncio.get_running_loop().create_future()
    return Receipt()


@pytest.mark.parametrize(
    ("code", "finding", "message"),
    [
        (
            other_request,
            Finding.DIVERGED,
            (
                'InventoryService.ReserveStock#1: the journal holds {order_id: "saga-1"}; '
                'the code now sends {order_id: "another"}'
            ),
        ),
        (
            other_order,
            Finding.DIVERGED,
            (
                "the code waits for PaymentService.AuthorizePayment#1; "
                "the journal goes on with InventoryService.ReserveStock#1"
            ),
        ),
        (
            one_less,
            Finding.DIVERGED,
            (
                "the code waits for PaymentService.AuthorizePayment#1; "
                "the journal goes on with InventoryService.ReserveStock#1"
            ),
        ),
        (
            gives_up,
            Finding.DIVERGED,
            (
                "the code now gives up (TOO_DEAR: not today); "
                "the journal goes on with InventoryService.ReserveStock#1, PaymentService.AuthorizePayment#1"
            ),
        ),
        (
            returns_early,
            Finding.DIVERGED,
            (
                "the code returned; the journal goes on with InventoryService.ReserveStock#1, "
                "PaymentService.AuthorizePayment#1"
            ),
        ),
        (fails, Finding.FAILED, "KeyError: 'EUR'"),
        (waits_by_itself, Finding.FAILED, "the code waits for something that is no command"),
    ],
)
async def test_code_that_was_edited_in_place_is_told_with_both_sides(
    world: EngineWorld, code: Code, finding: Finding, message: str
) -> None:
    await interrupted(world, "AuthorizePayment")
    found = await verdict(world, edited(code))

    assert (found.finding, found.message) == (finding, message)


async def test_a_saga_that_has_ended_is_held_against_its_end(world: EngineWorld) -> None:
    async def more(order: StartOrderRequest, shop: Shop) -> Receipt:
        receipt = await trip(order, shop)
        await shop.email.SendConfirmation(CONFIRM)
        return receipt

    async def another_result(order: StartOrderRequest, shop: Shop) -> Receipt:
        await trip(order, shop)
        return Receipt(order_id="another")

    await world.process().run()
    longer, other = await verdict(world, edited(more)), await verdict(world, edited(another_result))

    assert longer.finding is other.finding is Finding.DIVERGED
    assert longer.message.endswith("the code now waits for EmailService.SendConfirmation#2, which is new")
    assert other.message == (
        'the journal returns {order_id: "ada" total { currency_code: "EUR" units: 10 } carrier: "carrier"}; '
        'the code now returns {order_id: "another"}'
    )


async def test_code_that_gets_over_what_its_journal_gave_up_on_diverges(world: EngineWorld) -> None:
    async def brave(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.pricing.PriceOrder(PRICE)
        await asyncio.gather(shop.inventory.ReserveStock(RESERVE), return_exceptions=True)
        return Receipt()

    world.participants.scripts["ReserveStock"] = [rejected()]
    await world.process().run()
    found = await verdict(world, edited(brave))

    assert found.finding is Finding.DIVERGED
    assert found.message.startswith("the journal gives up: InventoryService.ReserveStock#1")
    assert found.message.endswith("; the code now returns {}")


async def test_a_rollback_needs_no_code_and_is_held_against_the_contracts(world: EngineWorld) -> None:
    @saga("other", version=1)
    async def other(_order: StartOrderRequest, _shop: Nothing) -> Receipt:
        return Receipt()

    await interrupted(world, "ArrangeShipment")
    began = [*world.entries(), RollbackBegan(world.clock.now(), Reason(ReasonCode.CANCELLED, "changed his mind"))]

    assert (await verdict(world, entries=began)).finding is Finding.IN_LINE
    assert (await verdict(world, edited(fails), entries=began)).finding is Finding.IN_LINE
    blocked = await verdict(world, other, entries=began)
    assert blocked.finding is Finding.BLOCKED
    assert blocked.message.startswith("ShippingService.ArrangeShipment#1: no contract at hand says how")


async def test_a_version_that_is_not_at_hand_is_missing(world: EngineWorld) -> None:
    await interrupted(world, "ReserveStock")

    async def newer(order: StartOrderRequest, shop: Shop) -> Receipt:
        return await one_less(order, shop)

    found = await verdict(world, edited(newer, version=2))

    assert found.finding is Finding.MISSING
    assert found.definition == "trip v1"


async def test_recorded_values_answer_as_the_journal_holds_them(world_of: Callable[..., EngineWorld]) -> None:
    async def draws(_order: StartOrderRequest, shop: Shop) -> Receipt:
        name = f"{orchestrator.now()} {orchestrator.random()} {orchestrator.uuid4()}"
        await shop.inventory.ReserveStock(ReserveStockRequest(order_id=name))
        return Receipt(order_id=str(orchestrator.now()))

    world = world_of(edited(draws))
    await world.process().run()

    for number in range(1, len(world.entries()) + 1):
        found = await verdict(world, edited(draws), entries=world.entries()[:number])
        assert found.finding is Finding.IN_LINE, found


async def test_what_cannot_be_folded_is_unreadable(world: EngineWorld) -> None:
    await world.process().run()
    entries = world.entries()

    assert (await verdict(world, entries=[])).finding is Finding.UNREADABLE
    assert (await verdict(world, entries=entries[1:])).finding is Finding.UNREADABLE
    assert isinstance(entries[0], SagaStarted)
    assert encode(entries[0]).kind == 1


async def test_children_are_answered_from_the_journal_too() -> None:
    @saga("part", version=1)
    async def part(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    async def whole(order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.pricing.PriceOrder(PRICE)
        return await child(part, order)

    async def renamed(order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.pricing.PriceOrder(PRICE)
        return await child(part, StartOrderRequest(customer_id=f"not {order.customer_id}"))

    world = EngineWorld(edited(whole), part)
    await world.process().worker.start(world.order(), wait=1e6)
    entries = world.entries()
    await world.end()

    assert (await verdict(world, edited(whole), part, entries=entries)).finding is Finding.IN_LINE
    assert (await verdict(world, edited(renamed), part, entries=entries)).finding is Finding.DIVERGED
    assert (await verdict(world, edited(whole), entries=entries)).finding is Finding.FAILED


async def in_a_group(_order: StartOrderRequest, shop: Shop) -> Receipt:
    async def nested(name: str) -> None:
        with scope(name):
            for _ in range(3):
                await asyncio.gather(asyncio.gather(shop.inventory.ReserveStock(RESERVE)))

    async with asyncio.TaskGroup() as group:
        group.create_task(shop.payment.AuthorizePayment(AUTHORIZE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
        group.create_task(nested("one"))
        group.create_task(nested("other"))
    return Receipt()


async def gathered(_order: StartOrderRequest, shop: Shop) -> Receipt:
    async def nested(name: str) -> None:
        with scope(name):
            for _ in range(3):
                await asyncio.gather(asyncio.gather(shop.inventory.ReserveStock(RESERVE)))

    await asyncio.gather(shop.payment.AuthorizePayment(AUTHORIZE), nested("one"), nested("other"))
    return Receipt()


async def getting_over_it(order: StartOrderRequest, shop: Shop) -> Receipt:
    with contextlib.suppress(CommandRejected, ExceptionGroup):
        await in_a_group(order, shop)
    await shop.shipping.ArrangeShipment(ARRANGE)
    return Receipt()


@pytest.mark.parametrize("refused", [None, "AuthorizePayment", "ReserveStock"])
@pytest.mark.parametrize("late", [0, 2, 5, 20])
@pytest.mark.parametrize("code", [in_a_group, gathered, getting_over_it])
async def test_however_parallel_branches_interleave_each_beginning_of_their_journal_is_in_line(
    world_of: Callable[..., EngineWorld], code: Code, refused: str | None, late: int
) -> None:
    async def answer() -> Outcome | None:
        await turns(late)
        return rejected() if refused else None

    world = world_of(edited(code))
    world.participants.scripts[refused or "ReserveStock"] = [answer]
    await world.process().run()

    for number in range(1, len(world.entries()) + 1):
        found = await verdict(world, edited(code), entries=world.entries()[:number])
        assert found.finding is Finding.IN_LINE, (number, found)
