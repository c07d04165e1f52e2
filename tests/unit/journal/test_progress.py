"""How far a saga has come, laid over the plan of its code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator import best_effort, saga, scope
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.contract.command import Effect
from orchestrator.journal.entries import CommandIntended, RollbackBegan, SagaParked, SagaStarted, SagaSuspended
from orchestrator.journal.fold import fold
from orchestrator.journal.progress import StepState, steps
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import SagaState
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import (
    AUTHORIZE,
    CAPTURE,
    CONFIRM,
    FORWARD,
    RESERVE,
    SAGA,
    Answer,
    Shop,
    rejected,
    trip,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import Definition, EngineWorld

NOT_BEGUN, GOING, DONE, REFUSED, UNDOING, UNDONE, SKIPPED = (
    StepState.NOT_BEGUN,
    StepState.IN_PROGRESS,
    StepState.COMPLETED,
    StepState.REJECTED,
    StepState.COMPENSATING,
    StepState.COMPENSATED,
    StepState.SKIPPED,
)


def seen(state: SagaState, definition: Definition = trip) -> list[tuple[str, StepState]]:
    return [(step.method.rpartition(".")[2], step.state) for step in steps(state, read_plan(definition))]


async def test_before_anything_every_planned_step_is_ahead() -> None:
    assert seen(SagaState(SAGA)) == [(method, NOT_BEGUN) for method in FORWARD]


async def test_a_saga_under_way_is_at_one_step(world: EngineWorld) -> None:
    answer = Answer()
    world.participants.scripts["AuthorizePayment"] = [answer]
    process = world.process()
    await process.worker.start(world.order())
    await until(lambda: answer.asked)

    states = [state for _, state in seen(await process.worker.get(SAGA))]
    assert states == [DONE, DONE, GOING, NOT_BEGUN, NOT_BEGUN, NOT_BEGUN]


async def test_a_rolled_back_saga_shows_what_was_compensated_and_what_was_never_reached(world: EngineWorld) -> None:
    world.participants.scripts["ArrangeShipment"] = [rejected()]
    state = await world.process().run()

    assert [state for _, state in seen(state)] == [DONE, UNDONE, UNDONE, REFUSED, SKIPPED, SKIPPED]


async def test_a_saga_in_the_middle_of_its_rollback_shows_what_is_being_compensated(world: EngineWorld) -> None:
    answer = Answer()
    world.participants.scripts |= {"ArrangeShipment": [rejected()], "VoidAuthorization": [answer]}
    process = world.process()
    await process.worker.start(world.order())
    await until(lambda: answer.asked)

    states = [state for _, state in seen(await process.worker.get(SAGA))]
    assert states == [DONE, DONE, UNDOING, REFUSED, SKIPPED, SKIPPED]


def test_what_is_in_doubt_when_the_saga_is_not_going_any_more_is_unknown() -> None:
    intent = CommandIntended(2, "A#1", "shop.A", Effect.COMPENSABLE, b"")
    going = fold(SAGA, [SagaStarted(1, "trip", 1, b""), intent])
    suspended = fold(SAGA, [SagaStarted(1, "trip", 1, b""), intent, SagaSuspended(3, Reason(ReasonCode.UNKNOWN, "?"))])

    assert [step.state for step in steps(going, None)] == [GOING]
    assert [step.state for step in steps(suspended, None)] == [StepState.UNKNOWN]


def test_so_it_is_while_a_rollback_is_parked() -> None:
    intent = CommandIntended(2, "A#1", "shop.A", Effect.COMPENSABLE, b"")
    back = RollbackBegan(3, Reason(ReasonCode.CANCELLED, "enough"))
    parked = fold(SAGA, [SagaStarted(1, "trip", 1, b""), intent, back, SagaParked(4, 9)])

    assert [step.state for step in steps(parked, None)] == [StepState.UNKNOWN]


async def test_without_the_code_the_journal_alone_is_shown(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [rejected()]
    state = await world.process().run()

    assert [(step.method.rpartition(".")[2], step.state) for step in steps(state, None)] == [
        ("PriceOrder", DONE),
        ("ReserveStock", UNDONE),
        ("AuthorizePayment", REFUSED),
    ]


@saga("winding", version=1)
async def winding(order: StartOrderRequest, shop: Shop) -> Receipt:
    for line in order.lines:
        await shop.inventory.ReserveStock(ReserveStockRequest(order_id=line.sku))
    if order.member:
        await shop.inventory.ReserveStock(RESERVE)
    await shop.payment.CapturePayment(CAPTURE)
    await asyncio.gather(
        shop.email.SendConfirmation(CONFIRM), best_effort(shop.analytics.RecordOrder(RecordOrderRequest()))
    )
    return Receipt()


@pytest.mark.parametrize("lines", [0, 1, 3])
async def test_a_step_in_a_loop_is_shown_as_often_as_it_was_taken(
    world_of: Callable[..., EngineWorld], lines: int
) -> None:
    order = StartOrderRequest()
    for number in range(lines):
        order.lines.add(sku=str(number))
    state = await world_of(winding).process().run(order)
    found = seen(state, winding)

    assert found[:lines] == [("ReserveStock", DONE)] * lines
    # With lines, the one under the condition may be the last of those that have run: nothing says that it was skipped.
    assert found.count(("ReserveStock", SKIPPED)) == (2 if lines == 0 else 0), "the conditional one, and an empty loop"
    assert [method for method, state in found if state is DONE][lines:] == [
        "CapturePayment",
        "SendConfirmation",
        "RecordOrder",
    ]


async def test_a_step_tells_whether_the_saga_can_do_without_it() -> None:
    planned = {step.method.rpartition(".")[2]: step for step in steps(SagaState(SAGA), read_plan(winding))}

    assert planned["RecordOrder"].best_effort
    assert not planned["SendConfirmation"].best_effort
    assert planned["ReserveStock"].conditional
    assert not planned["CapturePayment"].conditional


@saga("again", version=1)
async def again(order: StartOrderRequest, shop: Shop) -> Receipt:
    for line in order.lines:
        await shop.inventory.ReserveStock(ReserveStockRequest(order_id=line.sku))
    await shop.inventory.ReserveStock(RESERVE)
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt()


@pytest.mark.parametrize("lines", [0, 1, 3])
async def test_a_call_after_a_loop_of_the_same_method_was_not_skipped(
    world_of: Callable[..., EngineWorld], lines: int
) -> None:
    state = await world_of(again).process().run(of_lines(lines))
    found = steps(state, read_plan(again))

    assert [step.state for step in found if step.command] == [DONE] * (lines + 2)
    assert [step.state for step in found if not step.command] == [SKIPPED] * (lines == 0), "only an empty loop was"
    assert [step.conditional for step in found if step.command] == [True] * lines + [False, False]


@saga("parting", version=1)
async def parting(order: StartOrderRequest, shop: Shop) -> Receipt:
    if order.member:
        await shop.inventory.ReserveStock(RESERVE)
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()
    await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def test_what_a_completed_saga_did_last_is_the_end_of_its_code(world_of: Callable[..., EngineWorld]) -> None:
    state = await world_of(parting).process().run(StartOrderRequest())

    assert seen(state, parting) == [("ReserveStock", SKIPPED), ("CapturePayment", SKIPPED), ("ReserveStock", DONE)]


async def test_what_may_have_run_as_part_of_a_loop_is_ahead_and_after_a_rollback_not_skipped(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(again)
    answer = Answer()
    world.participants.scripts["ReserveStock"] = [None, answer]
    process = world.process()
    await process.worker.start(world.order(of_lines(3)))
    await until(lambda: answer.asked)
    going = seen(await process.worker.get(SAGA), again)
    answer.give(rejected())
    await process.worker.live[SAGA].stopped
    rolled_back = seen(await process.worker.get(SAGA), again)

    assert going == [
        ("ReserveStock", DONE),
        ("ReserveStock", GOING),
        ("ReserveStock", NOT_BEGUN),
        ("CapturePayment", NOT_BEGUN),
    ]
    assert rolled_back == [("ReserveStock", UNDONE), ("ReserveStock", REFUSED), ("CapturePayment", SKIPPED)]


@saga("scoped", version=1)
async def scoped(order: StartOrderRequest, shop: Shop) -> Receipt:
    with scope("first"):
        if order.member:
            await shop.inventory.ReserveStock(RESERVE)
    for line in order.lines:
        with scope(f"item-{line.sku}"):
            await shop.inventory.ReserveStock(RESERVE)
    with scope("last"):
        await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def test_a_scope_tells_which_of_several_calls_of_a_method_has_begun(world_of: Callable[..., EngineWorld]) -> None:
    state = await world_of(scoped).process().run(of_lines(2))

    assert told(state, scoped) == [
        "ReserveStock skipped",
        "item-0/InventoryService.ReserveStock#1",
        "item-1/InventoryService.ReserveStock#1",
        "last/InventoryService.ReserveStock#1",
    ]


@saga("either", version=1)
async def either(order: StartOrderRequest, shop: Shop) -> Receipt:
    if order.member:
        await shop.inventory.ReserveStock(RESERVE)
        await shop.payment.AuthorizePayment(AUTHORIZE)
    else:
        await shop.payment.AuthorizePayment(AUTHORIZE)
        await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def test_steps_are_shown_as_they_ran_and_not_as_the_code_names_them(world_of: Callable[..., EngineWorld]) -> None:
    state = await world_of(either).process().run(of_lines(0))

    shown = [method for method, state in seen(state, either) if state is DONE]
    assert shown == ["AuthorizePayment", "ReserveStock"]


@saga("together", version=1)
async def together(order: StartOrderRequest, shop: Shop) -> Receipt:
    async def one(sku: str) -> None:
        with scope(sku):
            await shop.inventory.ReserveStock(RESERVE)
            await shop.payment.AuthorizePayment(AUTHORIZE)

    await asyncio.gather(*(one(line.sku) for line in order.lines), shop.inventory.ReserveStock(RESERVE))
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt()


async def test_branches_side_by_side_are_shown_as_they_ran(world_of: Callable[..., EngineWorld]) -> None:
    state = await world_of(together).process().run(of_lines(2))

    assert [step.command.key if step.command else step.state for step in steps(state, read_plan(together))] == [
        *state.commands
    ]


def of_lines(number: int) -> StartOrderRequest:
    order = StartOrderRequest()
    for sku in range(number):
        order.lines.add(sku=str(sku))
    return order


def told(state: SagaState, definition: Definition) -> list[str]:
    """The key of a step that has begun, the method and state of one that has not."""
    return [
        step.command.key if step.command else f"{step.method.rpartition('.')[2]} {step.state.name.lower()}"
        for step in steps(state, read_plan(definition))
    ]
