"""Every rule of saga code: the smallest saga that breaks it, and its neighbours that do not."""

# ruff: noqa: TC001 - @saga reads the annotations of stubs and messages while the module runs

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import (
    CommandRejected,
    approval,
    best_effort,
    child,
    publish,
    saga,
    signal,
    sleep,
    sleep_until,
    timeout,
)
from orchestrator.analysis import rules
from orchestrator.analysis.rules import check_definition
from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReleaseStockRequest, ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest, WatchOrderRequest
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub
from shop.payment.v1.payment_pb2 import CapturePaymentRequest, GetPaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True)
class Shop:
    inventory: InventoryServiceStub
    orders: OrderServiceStub
    payment: PaymentServiceStub
    rewards: RewardsServiceStub


NOTE = "note"
ELSEWHERE = [Path(__file__).with_name("test_calls.py"), Path(__file__).parents[1] / "definition" / "test_saga.py"]

RESERVE, CAPTURE, CREDIT, STOCK = (
    ReserveStockRequest(),
    CapturePaymentRequest(),
    CreditPointsRequest(),
    GetStockRequest(),
)


def broken_by(function: Callable[[StartOrderRequest, Shop], Awaitable[Receipt]]) -> list[str]:
    return [
        f"{violation.rpc.rpartition('.')[2]} {violation.rule}"
        for violation in check_definition(saga("tried", version=1)(function))
    ]


def test_a_saga_that_commits_in_the_middle_breaks_no_rule() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        await best_effort(shop.rewards.CreditPoints(CREDIT))
        for line in order.lines:
            await shop.inventory.ReserveStock(ReserveStockRequest(lines=[line]))
        await shop.payment.CapturePayment(CAPTURE)
        await asyncio.gather(shop.payment.GetPayment(GetPaymentRequest()), shop.rewards.CreditPoints(CREDIT))
        return Receipt()

    assert broken_by(place) == []


def test_an_event_with_a_sensitive_field_breaks_event_is_public() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        await publish(order)
        await publish(StartOrderRequest(), at_once=True)
        await publish(ReserveStockRequest())
        await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert broken_by(place) == ["tried v1 event-is-public"] * 2


def test_an_event_that_is_not_awaited_breaks_call_is_awaited() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        publish(ReserveStockRequest())
        await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert broken_by(place) == ["tried v1 call-is-awaited"]


def test_a_use_of_a_stub_that_cannot_be_read_breaks_plan_is_readable() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        stubs: list[Any] = [shop.inventory]
        await stubs[0].ReserveStock(RESERVE)
        return Receipt()

    assert broken_by(place) == ["tried v1 plan-is-readable"]


def test_an_rpc_without_an_effect_breaks_command_states_effect() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.orders.StartOrder(order)
        return Receipt()

    assert broken_by(place) == ["StartOrder command-states-effect"]


def test_a_stream_breaks_command_does_not_stream() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        async for _ in shop.orders.WatchOrder(WatchOrderRequest()):
            pass
        return Receipt()

    assert broken_by(place) == ["WatchOrder command-does-not-stream"]


def test_a_compensation_in_saga_code_breaks_compensation_is_not_called() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        await shop.inventory.ReleaseStock(ReleaseStockRequest())
        return Receipt()

    assert broken_by(place) == ["ReleaseStock compensation-is-not-called"]


def test_a_second_pivot_breaks_one_pivot_on_a_path() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        if order.member:
            await shop.payment.CapturePayment(CAPTURE)
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    assert broken_by(place) == ["CapturePayment one-pivot-on-a-path"]


def test_pivots_on_different_paths_break_no_rule() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        if order.member:
            await shop.payment.CapturePayment(CAPTURE)
        else:
            await shop.payment.CapturePayment(CAPTURE)
        await shop.rewards.CreditPoints(CREDIT)
        return Receipt()

    assert broken_by(place) == []


def test_a_compensable_after_the_pivot_breaks_only_forward_after_pivot() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        if order.member:
            await shop.payment.CapturePayment(CAPTURE)
        await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert broken_by(place) == ["ReserveStock only-forward-after-pivot"]


def test_a_compensable_on_a_path_without_the_pivot_breaks_no_rule() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        if order.member:
            await shop.payment.CapturePayment(CAPTURE)
            return Receipt()
        await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert broken_by(place) == []


def test_a_compensable_in_a_function_called_after_the_pivot_breaks_only_forward_after_pivot() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        async def reserve() -> None:
            await shop.inventory.ReserveStock(RESERVE)

        await reserve()
        await shop.payment.CapturePayment(CAPTURE)
        await reserve()
        return Receipt()

    assert broken_by(place) == ["ReserveStock only-forward-after-pivot"]


def test_compensables_after_a_rejected_pivot_break_no_rule() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        try:
            await shop.payment.CapturePayment(CAPTURE)
        except CommandRejected:
            await shop.inventory.ReserveStock(RESERVE)
            raise
        await shop.rewards.CreditPoints(CREDIT)
        return Receipt()

    assert broken_by(place) == []


def test_a_handler_of_errors_after_the_pivot_breaks_only_forward_after_pivot() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        try:
            await shop.payment.CapturePayment(CAPTURE)
            await shop.rewards.CreditPoints(CREDIT)
        except CommandRejected:
            await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert broken_by(place) == ["ReserveStock only-forward-after-pivot"]


def test_a_retryable_before_the_pivot_breaks_retryable_follows_pivot() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.rewards.CreditPoints(CREDIT)
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    assert broken_by(place) == ["CreditPoints retryable-follows-pivot"]


def test_a_retryable_after_a_pivot_whose_rejection_is_ignored_breaks_retryable_follows_pivot() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        with contextlib.suppress(CommandRejected):
            await shop.payment.CapturePayment(CAPTURE)
        await shop.rewards.CreditPoints(CREDIT)
        return Receipt()

    assert broken_by(place) == ["CreditPoints retryable-follows-pivot"]


def test_a_retryable_after_a_pivot_that_is_best_effort_breaks_retryable_follows_pivot() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await best_effort(shop.payment.CapturePayment(CAPTURE))
        await shop.rewards.CreditPoints(CREDIT)
        return Receipt()

    assert broken_by(place) == ["CreditPoints retryable-follows-pivot"]


def test_a_retryable_without_any_pivot_breaks_retryable_follows_pivot() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.rewards.CreditPoints(CREDIT)
        return Receipt()

    assert broken_by(place) == ["CreditPoints retryable-follows-pivot"]


def test_a_retryable_that_a_loop_may_reach_too_early_breaks_retryable_follows_pivot() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        for _ in order.lines:
            if order.member:
                await shop.payment.CapturePayment(CAPTURE)
                break
        await shop.rewards.CreditPoints(CREDIT)
        return Receipt()

    assert broken_by(place) == ["CapturePayment pivot-runs-once", "CreditPoints retryable-follows-pivot"]


def test_a_pivot_in_a_loop_breaks_pivot_runs_once() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        for _ in order.lines:
            await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    assert broken_by(place) == ["CapturePayment pivot-runs-once"]


def test_a_pivot_in_a_fan_out_breaks_pivot_runs_once() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        await asyncio.gather(*(shop.payment.CapturePayment(CAPTURE) for _ in order.lines))
        return Receipt()

    assert broken_by(place) == ["CapturePayment pivot-runs-once"]


def test_a_pivot_beside_an_effectful_command_breaks_pivot_runs_alone() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await asyncio.gather(shop.payment.CapturePayment(CAPTURE), shop.inventory.ReserveStock(RESERVE))
        return Receipt()

    assert broken_by(place) == ["CapturePayment pivot-runs-alone"]


def test_a_pivot_beside_queries_breaks_no_rule_and_is_past_when_all_have_ended() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await asyncio.gather(shop.payment.CapturePayment(CAPTURE), shop.inventory.GetStock(STOCK))
        await shop.rewards.CreditPoints(CREDIT)
        return Receipt()

    assert broken_by(place) == []


def test_commands_after_a_task_group_with_the_pivot_are_after_the_pivot() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        async def capture() -> None:
            await shop.payment.CapturePayment(CAPTURE)

        async with asyncio.TaskGroup() as group:
            group.create_task(capture())
        await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert broken_by(place) == ["ReserveStock only-forward-after-pivot"]


@saga("first", version=1)
async def first(order: StartOrderRequest, _shop: Shop) -> Receipt:
    return await child(second, order)


@saga("second", version=1)
async def second(order: StartOrderRequest, _shop: Shop) -> Receipt:
    return await child(first, order)


def test_a_saga_among_its_own_descendants_breaks_child_is_no_ancestor() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        return await child(first, order)

    (violation,) = check_definition(first)

    assert (violation.rpc, violation.rule) == ("saga.second", "child-is-no-ancestor")
    assert violation.message.startswith("it would never end: first v1 > second v1 > first v1; ")
    assert broken_by(place) == ["first child-is-no-ancestor"]


def test_commands_in_finally_are_on_both_sides_of_the_pivot() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        try:
            await shop.payment.CapturePayment(CAPTURE)
        finally:
            await shop.rewards.CreditPoints(CREDIT)
        return Receipt()

    assert broken_by(place) == ["CreditPoints retryable-follows-pivot"]


def test_a_violation_names_file_line_rpc_and_rule() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.rewards.CreditPoints(CREDIT)
        return Receipt()

    (violation,) = check_definition(saga("tried", version=1)(place))

    line = place.__code__.co_firstlineno + 1
    assert str(violation).startswith(
        f"{__file__}:{line}: RewardsService.CreditPoints: [retryable-follows-pivot] it has"
    )


def test_limit_cuts_off_compensable() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        async with timeout(timedelta(minutes=1)):
            await shop.inventory.ReserveStock(RESERVE)
            await shop.payment.CapturePayment(CAPTURE)
            await best_effort(shop.rewards.CreditPoints(CREDIT))
        return Receipt()

    assert broken_by(place) == ["CapturePayment limit-cuts-off-compensable"]


def test_signal_is_readable() -> None:
    async def place(order: StartOrderRequest, _shop: Shop) -> Receipt:
        await signal(order.customer_id, Receipt)
        await signal(NOTE, Receipt)
        await signal("note", StartOrderRequest)
        await signal("Note", Receipt)
        await signal("kind", type(order))
        await approval()
        return Receipt()

    assert broken_by(place) == ["tried v1 signal-is-readable"] * 4


def test_waits_break_no_rule() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        await asyncio.gather(sleep(timedelta(days=1)), signal(NOTE, Receipt, timeout=timedelta(hours=1)))
        for _ in order.lines:
            await sleep_until(datetime(2030, 1, 1, tzinfo=UTC))
        decision = await approval(timeout=timedelta(days=2))
        if decision.approved:
            await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    assert broken_by(place) == []


def test_call_is_awaited_also_where_it_only_waits() -> None:
    async def place(_order: StartOrderRequest, _shop: Shop) -> Receipt:
        sleep(timedelta(days=1))
        return Receipt()

    assert broken_by(place) == ["tried v1 call-is-awaited"]


def test_the_documented_rules_are_the_rules_and_each_has_a_test() -> None:
    documented = re.findall(r"^``([a-z-]+)``", rules.__doc__ or "", flags=re.MULTILINE)
    elsewhere = "".join(file.read_text() for file in ELSEWHERE)
    tests = (*globals(), *re.findall(r"^def (test_\w+)", elsewhere, flags=re.MULTILINE))
    tested = {rule for rule in documented if any(rule.replace("-", "_") in name for name in tests)}

    assert set(documented) == {*rules.OTHERS, *rules.RULES}
    assert tested == set(documented)
