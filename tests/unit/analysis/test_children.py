"""A child saga in the plan of its parent: one command, whose effect follows from the child's own code."""

# ruff: noqa: TC001 - @saga reads the annotations of stubs and messages while the module runs

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import best_effort, child, saga, scope
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.analysis.plan.text import plan_text
from orchestrator.analysis.rules import check_definition
from orchestrator.contract.command import Effect
from orchestrator.definition.saga import SagaDefinition
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import CapturePaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.analysis.plan.plan import Plan

    Code = Callable[[StartOrderRequest, "Shop"], Awaitable[Receipt]]


@dataclass(frozen=True)
class Shop:
    inventory: InventoryServiceStub
    payment: PaymentServiceStub


RESERVE, CAPTURE = ReserveStockRequest(), CapturePaymentRequest()


@saga("fulfil", version=2)
async def fulfil(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


@saga("pay", version=1)
async def pay(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt()


@saga("settle", version=1)
async def settle(order: StartOrderRequest, _shop: Shop) -> Receipt:
    return await child(pay, order)


async def run_fulfil(order: StartOrderRequest) -> Receipt:
    return await child(definition=fulfil, saga_input=order)


async def count_down(number: int) -> int:
    return await count_down(number - 1) if number else 0


def plan_of(code: Code) -> Plan:
    return read_plan(saga("place", version=1)(code))


def broken_by(code: Code) -> list[str]:
    return [f"{each.rpc} {each.rule}" for each in check_definition(saga("place", version=1)(code))]


def test_a_child_without_a_pivot_is_compensable() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        return await child(fulfil, order)

    plan = plan_of(place)
    _, step = plan.steps()

    assert (step.command.name, step.command.effect) == ("saga.fulfil.v2", Effect.COMPENSABLE)
    assert step.command.compensation is not None
    assert step.command.compensation.name == "saga.fulfil.v2.Rollback"
    assert step.command.response is Receipt
    assert plan.pivot is None
    assert broken_by(place) == []


@pytest.mark.parametrize("definition", [pay, settle], ids=str)
def test_a_child_whose_code_or_whose_own_child_has_a_pivot_is_a_pivot(definition: object) -> None:
    async def place(order: StartOrderRequest, _shop: Shop) -> Receipt:
        return await child(definition, order)  # type: ignore[arg-type]

    plan = plan_of(place)

    assert plan.pivot is not None
    assert plan.pivot.command.compensation is None
    assert broken_by(place) == []


def test_the_plan_of_a_child_is_drawn_beneath_it_and_its_steps_are_not_the_parents() -> None:
    async def place(order: StartOrderRequest, _shop: Shop) -> Receipt:
        with scope("first"):
            await best_effort(child(fulfil, order))
        return await child(settle, order)

    plan = plan_of(place)

    assert [step.command.name for step in plan.steps()] == ["saga.fulfil.v2", "saga.settle"]
    assert plan_text(plan).splitlines() == [
        "place v1",
        "├─ saga.fulfil.v2  compensable, by fulfil.v2.Rollback, best effort, scope first",
        "│  └─ InventoryService.ReserveStock  compensable, by ReleaseStock",
        "└─ saga.settle  pivot",
        "   └─ saga.pay  pivot",
        "      └─ PaymentService.CapturePayment  pivot",
    ]


def test_a_child_in_a_function_without_stubs_is_found() -> None:
    async def place(order: StartOrderRequest, _shop: Shop) -> Receipt:
        await count_down(3)
        return await run_fulfil(order)

    plan = plan_of(place)

    assert [step.command.name for step in plan.steps()] == ["saga.fulfil.v2"]
    assert not plan.unread()


def test_the_rules_of_the_pivot_hold_for_children() -> None:
    async def twice(order: StartOrderRequest, shop: Shop) -> Receipt:
        await child(pay, order)
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    async def beside(order: StartOrderRequest, _shop: Shop) -> Receipt:
        await asyncio.gather(child(pay, order), child(fulfil, order))
        return Receipt()

    async def after(order: StartOrderRequest, _shop: Shop) -> Receipt:
        await child(pay, order)
        return await child(fulfil, order)

    assert broken_by(twice) == ["PaymentService.CapturePayment one-pivot-on-a-path"]
    assert broken_by(beside) == ["saga.pay pivot-runs-alone"]
    assert broken_by(after) == ["saga.fulfil.v2 only-forward-after-pivot"]


def test_a_child_of_an_unknown_definition_or_called_by_another_name_cannot_be_read() -> None:
    async def chosen(order: StartOrderRequest, _shop: Shop) -> Receipt:
        definition = fulfil if order.member else settle
        return await child(definition, order)

    async def passed_on(order: StartOrderRequest, _shop: Shop) -> Receipt:
        run = child
        return await run(fulfil, order)

    (one,) = plan_of(chosen).unread()
    (other,) = plan_of(passed_on).unread()

    assert (
        one.reason == "`child(definition, order)`: which saga is it? Name a definition that the module holds or imports"
    )
    assert other.reason == "`child` is passed on; call it where the child is run"


def test_a_child_without_a_source_cannot_be_read() -> None:
    names: dict[str, object] = {"Receipt": Receipt, "StartOrderRequest": StartOrderRequest, "Shop": Shop}
    exec("async def hidden(order: StartOrderRequest, shop: Shop) -> Receipt: ...", names)
    hidden: SagaDefinition[Any, Any, Receipt] = saga("hidden", version=1)(names["hidden"])  # type: ignore[arg-type]

    async def place(order: StartOrderRequest, _shop: Shop) -> Receipt:
        return await child(hidden, order)

    (unread,) = plan_of(place).unread()

    assert unread.reason.startswith("`child(hidden, order)`: saga hidden v1: its source cannot be read")
