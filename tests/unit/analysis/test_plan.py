"""What is read from the code of a saga without running it."""

# ruff: noqa: TC001 - @saga reads the annotations of stubs and messages while the module runs

from __future__ import annotations

import asyncio
import contextlib
import functools
from dataclasses import dataclass
from datetime import timedelta
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import CommandRejected, approval, best_effort, saga, scope, signal, sleep, timeout
from orchestrator.analysis.plan.nodes import Parallel, walk
from orchestrator.analysis.plan.plan import Plan
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.analysis.plan.text import plan_text
from orchestrator.errors import DefinitionError
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub
from shop.fraud.v1.fraud_pb2 import VERDICT_ACCEPT, AssessOrderRequest
from shop.fraud.v1.fraud_pb2_grpc import FraudServiceStub
from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True)
class Shop:
    analytics: AnalyticsServiceStub
    fraud: FraudServiceStub
    inventory: InventoryServiceStub
    payment: PaymentServiceStub
    rewards: RewardsServiceStub


ASSESS, RESERVE, STOCK = AssessOrderRequest(), ReserveStockRequest(), GetStockRequest()
AUTHORIZE, CAPTURE, CREDIT, RECORD = (
    AuthorizePaymentRequest(),
    CapturePaymentRequest(),
    CreditPointsRequest(),
    RecordOrderRequest(),
)


def plan_of(function: Callable[[StartOrderRequest, Shop], Awaitable[Receipt]]) -> Plan:
    return read_plan(saga("tried", version=1)(function))


def methods(plan: Plan) -> list[str]:
    """The steps in short: ``Method?`` is conditional, ``Method*`` repeated, ``~Method`` best effort."""
    return [
        f"{'~' * step.best_effort}{step.command.method}{'?' * step.conditional}{'*' * step.repeated}"
        for step in plan.steps()
    ]


def test_commands_are_planned_in_the_order_of_the_code() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        hold = await shop.payment.AuthorizePayment(AUTHORIZE)
        payment = (await shop.payment.CapturePayment(CAPTURE)).payment_id
        return Receipt(payment_id=payment or hold.payment_id)

    plan = plan_of(place)

    assert methods(plan) == ["ReserveStock", "AuthorizePayment", "CapturePayment"]
    assert plan.pivot is not None
    assert plan.pivot.command.name == "shop.payment.v1.PaymentService.CapturePayment"
    assert not plan.unread()


def test_a_step_knows_its_line() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    plan = plan_of(place)

    assert plan.file == __file__
    assert [step.line for step in plan.steps()] == [place.__code__.co_firstlineno + 1]


def test_a_saga_without_a_pivot_has_none() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert plan_of(place).pivot is None


def test_an_argument_is_issued_before_the_command_that_it_is_for() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(
            ReserveStockRequest(order_id=(await shop.payment.AuthorizePayment(AUTHORIZE)).payment_id)
        )
        return Receipt()

    assert methods(plan_of(place)) == ["AuthorizePayment", "ReserveStock"]


def test_commands_in_branches_are_conditional() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        if order.member:
            await shop.rewards.CreditPoints(CREDIT)
        elif order.lines:
            await shop.inventory.ReserveStock(RESERVE)
        else:
            await shop.inventory.GetStock(STOCK)
        match order.customer_id:
            case "alice":
                await shop.fraud.AssessOrder(ASSESS)
            case str() if (await shop.payment.AuthorizePayment(AUTHORIZE)).payment_id:
                pass
        stock = await shop.inventory.GetStock(STOCK) if order.lines else None
        order.member and await shop.rewards.CreditPoints(CREDIT)
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt(order_id=str(stock))

    assert methods(plan_of(place)) == [
        "CreditPoints?",
        "ReserveStock?",
        "GetStock?",
        "AuthorizePayment",
        "AssessOrder?",
        "GetStock?",
        "CreditPoints?",
        "CapturePayment",
    ]


def test_commands_after_a_raise_in_a_branch_are_not_conditional() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        if (await shop.fraud.AssessOrder(ASSESS)).verdict != VERDICT_ACCEPT:
            raise RuntimeError
        await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert methods(plan_of(place)) == ["AssessOrder", "ReserveStock"]


def test_commands_after_an_early_return_are_conditional() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        if not order.lines:
            return Receipt()
        await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert methods(plan_of(place)) == ["ReserveStock?"]


def test_an_early_return_of_a_called_function_skips_only_the_rest_of_that_function() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        async def credit() -> int:
            if not order.member:
                return 0
            return (await shop.rewards.CreditPoints(CREDIT)).points

        points = await credit()
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt(points=points)

    assert methods(plan_of(place)) == ["CreditPoints?", "CapturePayment"]


def test_commands_in_error_handlers_are_conditional_and_those_in_finally_are_not() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        try:
            await shop.inventory.ReserveStock(RESERVE)
        except CommandRejected as rejected:
            await shop.inventory.GetStock(STOCK)
            raise RuntimeError from rejected
        else:
            await shop.fraud.AssessOrder(ASSESS)
        finally:
            await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt()

    assert methods(plan_of(place)) == ["ReserveStock", "GetStock?", "AssessOrder?", "AuthorizePayment"]


def test_loops_and_comprehensions_are_repeated() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        for line in order.lines:
            await shop.inventory.ReserveStock(ReserveStockRequest(lines=[line]))
        while not (await shop.inventory.GetStock(STOCK)).available:
            pass
        _ = [await shop.fraud.AssessOrder(ASSESS) for _ in order.lines if order.member]
        return Receipt()

    assert methods(plan_of(place)) == ["ReserveStock?*", "GetStock?*", "AssessOrder?*"]


def parallels(plan: Plan) -> list[int]:
    return [len(node.branches) for node in walk(plan.root) if isinstance(node, Parallel)]


def test_gathered_commands_run_side_by_side() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        await asyncio.gather(
            shop.fraud.AssessOrder(ASSESS),
            best_effort(shop.analytics.RecordOrder(RECORD)),
            *(shop.inventory.GetStock(GetStockRequest(sku=line.sku)) for line in order.lines),
        )
        return Receipt()

    plan = plan_of(place)

    assert methods(plan) == ["AssessOrder", "~RecordOrder", "GetStock?*"]
    assert parallels(plan) == [3]


def test_the_tasks_of_a_group_run_side_by_side_and_beside_its_block() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        async def assess() -> None:
            await shop.fraud.AssessOrder(ASSESS)

        async def look_up(sku: str) -> None:
            await shop.inventory.GetStock(GetStockRequest(sku=sku))

        async def capture() -> None:
            await shop.payment.CapturePayment(CAPTURE)

        async with asyncio.TaskGroup() as group:
            group.create_task(assess())
            for line in order.lines:
                group.create_task(look_up(line.sku))
            await shop.payment.AuthorizePayment(AUTHORIZE)
        async with asyncio.TaskGroup() as group:
            group.create_task(capture())
        return Receipt()

    plan = plan_of(place)

    assert methods(plan) == ["AuthorizePayment", "AssessOrder", "GetStock?*", "CapturePayment"]
    assert parallels(plan) == [3]
    assert not plan.unread()


async def authorize(payment: PaymentServiceStub, *, shop: Shop | None = None) -> str:
    answer = await payment.AuthorizePayment(AUTHORIZE)
    if shop:
        await shop.inventory.ReserveStock(RESERVE)
    return answer.payment_id


def test_functions_of_the_module_that_receive_stubs_are_followed() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await authorize(shop.payment, shop=shop)
        return Receipt()

    assert methods(plan_of(place)) == ["AuthorizePayment", "ReserveStock?"]


def test_stubs_and_methods_are_followed_under_other_names() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        payment, inventory = shop.payment, shop.inventory
        reserve = inventory.ReserveStock
        assess = lambda request: shop.fraud.AssessOrder(request)  # noqa: E731, PLW0108
        await reserve(RESERVE)
        await assess(ASSESS)  # type: ignore[no-untyped-call]
        await payment.AuthorizePayment(AUTHORIZE)
        return Receipt()

    assert methods(plan_of(place)) == ["ReserveStock", "AssessOrder", "AuthorizePayment"]


def test_a_call_that_is_awaited_later_is_planned_once_where_it_is_called() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        assessing = shop.fraud.AssessOrder(ASSESS)
        await shop.inventory.ReserveStock(RESERVE)
        await assessing
        return Receipt()

    assert methods(plan_of(place)) == ["AssessOrder", "ReserveStock"]


def test_scopes_are_shown_as_they_are_written() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        for line in order.lines:
            with scope("items"), scope(f"item-{line.sku}"):
                await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert "scope items/item-{line.sku}" in plan_text(plan_of(place))


def test_a_suppressed_error_is_a_handler_that_does_nothing() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        with contextlib.suppress(CommandRejected):
            await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert "except CommandRejected" in plan_text(plan_of(place))


def unread(function: Callable[[StartOrderRequest, Shop], Awaitable[Receipt]]) -> str:
    (place,) = plan_of(function).unread()
    return place.reason


def test_a_stub_found_by_its_name_cannot_be_read() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await getattr(shop, "payment").AuthorizePayment(AUTHORIZE)  # noqa: B009
        return Receipt()

    assert unread(place) == "`shop` is used in a way that cannot be read; call its methods where it is"


def test_a_method_that_is_handed_to_other_code_cannot_be_read() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await functools.partial(shop.payment.AuthorizePayment, AUTHORIZE)()
        return Receipt()

    assert unread(place).startswith("`shop.payment.AuthorizePayment` is used in a way")


def test_a_function_with_commands_that_is_handed_to_other_code_cannot_be_read() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        async def reserve(_line: object) -> None:
            await shop.inventory.ReserveStock(RESERVE)

        await asyncio.gather(*map(reserve, order.lines))
        return Receipt()

    assert unread(place).startswith("`reserve` issues commands and is passed on")


def test_a_function_without_commands_may_be_handed_to_any_code() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        lines = sorted(order.lines, key=lambda line: line.sku)
        await shop.inventory.ReserveStock(ReserveStockRequest(lines=lines))
        return Receipt()

    assert methods(plan_of(place)) == ["ReserveStock"]


def test_a_function_of_another_module_that_receives_stubs_cannot_be_read() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        dedent(shop)  # type: ignore[arg-type]
        return Receipt()

    assert unread(place) == "`dedent` receives stubs and is not in this module, where it could be read"


def test_a_name_that_may_hold_one_of_two_stubs_cannot_be_read() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        participant: Any
        participant = shop.payment
        if order.member:
            participant = shop.inventory
        await participant.AuthorizePayment(AUTHORIZE)
        return Receipt()

    assert unread(place) == "`participant.AuthorizePayment` may stand for several things; give each a name of its own"


def test_stubs_in_a_list_cannot_be_read() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        for stub in [shop.payment]:
            await stub.AuthorizePayment(AUTHORIZE)
        return Receipt()

    assert unread(place).startswith("`shop.payment` is used in a way")


def test_a_function_that_calls_itself_cannot_be_read() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        async def again() -> None:
            await shop.inventory.ReserveStock(RESERVE)
            await again()

        await again()
        return Receipt()

    assert unread(place) == "`again` calls itself; write a loop"


def test_an_rpc_that_does_not_exist_is_named() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.Reserve(RESERVE)  # type: ignore[attr-defined]
        return Receipt()

    assert unread(place) == "InventoryService has no rpc `Reserve`"


def test_code_without_a_source_is_refused() -> None:
    names = dict(globals())
    exec("async def place(order: StartOrderRequest, shop: Shop) -> Receipt: ...", names)

    with pytest.raises(DefinitionError, match="tried v1: its source cannot be read"):
        plan_of(names["place"])


def test_a_plan_reads_as_a_tree() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        async def credit() -> int:
            return (await shop.rewards.CreditPoints(CREDIT)).points if order.member else 0

        if (await shop.fraud.AssessOrder(ASSESS)).verdict != VERDICT_ACCEPT:
            raise RuntimeError
        await shop.inventory.ReserveStock(RESERVE)
        await shop.payment.CapturePayment(CAPTURE)
        await asyncio.gather(credit(), best_effort(shop.analytics.RecordOrder(RECORD)))
        return Receipt()

    assert plan_text(plan_of(place)) == dedent(
        """\
        tried v1
        ├─ FraudService.AssessOrder  query
        ├─ if (await shop.fraud.AssessOrder(ASSESS)).verdict != VERDICT_ACCEPT
        │  └─ raise
        ├─ InventoryService.ReserveStock  compensable, by ReleaseStock
        ├─ PaymentService.CapturePayment  pivot
        └─ side by side
           ├─ credit()
           │  └─ if order.member
           │     └─ RewardsService.CreditPoints  retryable
           └─ AnalyticsService.RecordOrder  retryable, best effort"""
    )


def test_waits_and_time_limits_are_shown_and_signals_are_known_by_name() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        await sleep(timedelta(days=1))
        async with timeout(timedelta(minutes=5)):
            await shop.inventory.ReserveStock(RESERVE)
            await approval()
        for _ in order.lines:
            await signal("note", Receipt)
        await approval("second")
        await approval("second")
        return Receipt()

    plan = plan_of(place)

    assert plan_text(plan).splitlines()[1:] == [
        "├─ wait for sleep(timedelta(days=1))",
        "├─ timeout(timedelta(minutes=5))",
        "│  ├─ InventoryService.ReserveStock  compensable, by ReleaseStock",
        "│  └─ wait for approval()  a saga.v1.Decision",
        "├─ for _ in order.lines",
        "│  └─ wait for signal('note', Receipt)  a shop.order.v1.Receipt",
        "├─ wait for approval('second')  a saga.v1.Decision",
        "└─ wait for approval('second')  a saga.v1.Decision",
    ]
    assert {name: each.asked for name, each in plan.signals.items()} == {"approval": 1, "note": None, "second": 2}
    assert [step.conditional for step in plan.steps()] == [False]
