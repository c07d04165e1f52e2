"""How far a saga has come, laid over the plan of its code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator import best_effort, saga
from orchestrator.contract.command import Effect
from orchestrator.definition.plan_reader import read_plan
from orchestrator.engine.entries import CommandIntended, SagaStarted, SagaSuspended
from orchestrator.engine.progress import StepState, steps
from orchestrator.engine.state import Reason, SagaState, fold
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.unit.engine.stage import CAPTURE, CONFIRM, FORWARD, RESERVE, SAGA, Answer, Shop, rejected, trip, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.engine.stage import Definition, Stage

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


async def test_a_saga_under_way_is_at_one_step(stage: Stage) -> None:
    answer = Answer()
    stage.participants.scripts["AuthorizePayment"] = [answer]
    process = stage.process()
    await process.worker.start(stage.order())
    await until(lambda: answer.asked)

    states = [state for _, state in seen(await process.worker.get(SAGA))]
    assert states == [DONE, DONE, GOING, NOT_BEGUN, NOT_BEGUN, NOT_BEGUN]


async def test_a_rolled_back_saga_shows_what_was_compensated_and_what_was_never_reached(stage: Stage) -> None:
    stage.participants.scripts["ArrangeShipment"] = [rejected()]
    state = await stage.process().run()

    assert [state for _, state in seen(state)] == [DONE, UNDONE, UNDONE, REFUSED, SKIPPED, SKIPPED]


async def test_a_saga_in_the_middle_of_its_rollback_shows_what_is_being_compensated(stage: Stage) -> None:
    answer = Answer()
    stage.participants.scripts |= {"ArrangeShipment": [rejected()], "VoidAuthorization": [answer]}
    process = stage.process()
    await process.worker.start(stage.order())
    await until(lambda: answer.asked)

    states = [state for _, state in seen(await process.worker.get(SAGA))]
    assert states == [DONE, DONE, UNDOING, REFUSED, SKIPPED, SKIPPED]


def test_what_is_in_doubt_when_the_saga_is_not_going_any_more_is_unknown() -> None:
    intent = CommandIntended(2, "A#1", "shop.A", Effect.COMPENSABLE, b"")
    going = fold(SAGA, [SagaStarted(1, "trip", 1, b""), intent])
    suspended = fold(SAGA, [SagaStarted(1, "trip", 1, b""), intent, SagaSuspended(3, Reason("UNKNOWN", "?"))])

    assert [step.state for step in steps(going, None)] == [GOING]
    assert [step.state for step in steps(suspended, None)] == [StepState.UNKNOWN]


async def test_without_the_code_the_journal_alone_is_shown(stage: Stage) -> None:
    stage.participants.scripts["AuthorizePayment"] = [rejected()]
    state = await stage.process().run()

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
async def test_a_step_in_a_loop_is_shown_as_often_as_it_was_taken(stage_of: Callable[..., Stage], lines: int) -> None:
    order = StartOrderRequest()
    for number in range(lines):
        order.lines.add(sku=str(number))
    state = await stage_of(winding).process().run(order)
    found = seen(state, winding)

    assert found[:lines] == [("ReserveStock", DONE)] * lines
    assert found.count(("ReserveStock", SKIPPED)) == (2 if lines == 0 else 1), "the conditional one, and an empty loop"
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
