"""How commands are called: a call that the saga's channel would refuse at run time is refused before."""

# ruff: noqa: TC001 - @saga reads the annotations of stubs and messages while the module runs

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import best_effort, saga, scope
from orchestrator.analysis.rules import check_definition
from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Shop:
    inventory: InventoryServiceStub


RESERVE = ReserveStockRequest()
NEVER = math.inf
SPACED = "two words"
OPTIONS: dict[str, Any] = {"timeout": 5}


def broken_by(function: Callable[..., Any]) -> list[str]:
    return [each.rule for each in check_definition(saga("tried", version=1)(function))]


async def _sets_metadata(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, metadata=(("auth", "x"),))
    return Receipt()


async def _sets_wait_for_ready(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, wait_for_ready=True)
    return Receipt()


async def _sets_credentials_within_a_function(_order: StartOrderRequest, shop: Shop) -> Receipt:
    async def reserve(inventory: InventoryServiceStub) -> None:
        await best_effort(inventory.ReserveStock(RESERVE, credentials=None))

    await reserve(shop.inventory)
    return Receipt()


async def _gives_a_second_argument(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, 5)  # type: ignore[call-arg]
    return Receipt()


async def _gives_no_request(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock()  # type: ignore[call-arg]
    return Receipt()


async def _gives_another_request(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(GetStockRequest())  # type: ignore[arg-type]
    return Receipt()


async def _spreads_its_arguments(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, **OPTIONS)
    return Receipt()


async def _waits_for_ever(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, timeout=float("inf"))
    return Receipt()


async def _waits_for_a_constant_without_end(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, timeout=NEVER)
    return Receipt()


async def _waits_for_no_number(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, timeout=math.nan)
    return Receipt()


async def _waits_for_less_than_nothing(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, timeout=-1)
    return Receipt()


async def _waits_for_a_year(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, timeout=31_536_000)
    return Receipt()


async def _waits_for_a_power_of_ten(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, timeout=10**400)
    return Receipt()


async def _waits_for_so_many_days(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, timeout=2 * 24 * 3600 + 0.5)
    return Receipt()


async def _gives_its_input(order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(order)  # type: ignore[arg-type]
    return Receipt()


async def _gives_the_reply_of_another_call(_order: StartOrderRequest, shop: Shop) -> Receipt:
    stock = await shop.inventory.GetStock(GetStockRequest())
    await shop.inventory.ReserveStock(stock)  # type: ignore[arg-type]
    return Receipt()


async def _waits_for_a_timedelta(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, timeout=timedelta(seconds=5))  # type: ignore[arg-type]
    return Receipt()


UNSUPPORTED = (
    *(_sets_metadata, _sets_wait_for_ready, _sets_credentials_within_a_function, _gives_a_second_argument),
    *(_gives_no_request, _gives_another_request, _spreads_its_arguments, _waits_for_ever),
    *(_waits_for_a_constant_without_end, _waits_for_no_number, _waits_for_less_than_nothing, _waits_for_a_year),
    *(_waits_for_a_timedelta, _waits_for_a_power_of_ten, _waits_for_so_many_days),
    *(_gives_its_input, _gives_the_reply_of_another_call),
)


@pytest.mark.parametrize("function", UNSUPPORTED)
def test_an_argument_that_a_sagas_channel_does_not_support_breaks_call_is_supported(
    function: Callable[..., Any],
) -> None:
    assert broken_by(function) == ["call-is-supported"]


async def _drops_the_call(_order: StartOrderRequest, shop: Shop) -> Receipt:
    shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def _keeps_the_call_in_a_name_that_nobody_reads(_order: StartOrderRequest, shop: Shop) -> Receipt:
    reserved = shop.inventory.ReserveStock(RESERVE)  # noqa: F841
    return Receipt()


async def _reads_the_reply_of_a_call(_order: StartOrderRequest, shop: Shop) -> Receipt:
    return Receipt(order_id=shop.inventory.ReserveStock(RESERVE).reservation_id)  # type: ignore[attr-defined]


async def _asks_whether_a_call_is_true(_order: StartOrderRequest, shop: Shop) -> Receipt:
    if shop.inventory.GetStock(GetStockRequest()):  # type: ignore[truthy-bool]
        return Receipt()
    return Receipt()


async def _compares_a_call(_order: StartOrderRequest, shop: Shop) -> Receipt:
    known = await shop.inventory.GetStock(GetStockRequest())
    return Receipt(order_id=str(known == shop.inventory.GetStock(GetStockRequest())))


async def _drops_a_function_that_calls(_order: StartOrderRequest, shop: Shop) -> Receipt:
    async def reserve() -> None:
        await shop.inventory.ReserveStock(RESERVE)

    reserve()  # type: ignore[unused-coroutine]
    return Receipt()


async def _drops_a_gather(_order: StartOrderRequest, shop: Shop) -> Receipt:
    asyncio.gather(shop.inventory.ReserveStock(RESERVE))
    return Receipt()


async def _drops_a_best_effort(_order: StartOrderRequest, shop: Shop) -> Receipt:
    best_effort(shop.inventory.ReserveStock(RESERVE))  # type: ignore[unused-coroutine]
    return Receipt()


async def _drops_a_list_of_calls(order: StartOrderRequest, shop: Shop) -> Receipt:
    calls = [shop.inventory.ReserveStock(RESERVE) for _ in order.lines]  # noqa: F841
    return Receipt()


async def _drops_a_pair_of_calls(_order: StartOrderRequest, shop: Shop) -> Receipt:
    (shop.inventory.ReserveStock(RESERVE), shop.inventory.ReserveStock(RESERVE))
    return Receipt()


async def _iterates_over_the_call(_order: StartOrderRequest, shop: Shop) -> Receipt:
    async for _ in shop.inventory.ReserveStock(RESERVE):  # type: ignore[attr-defined]
        pass
    return Receipt()


async def _returns_the_call(_order: StartOrderRequest, shop: Shop) -> Receipt:
    return shop.inventory.ReserveStock(RESERVE)  # type: ignore[return-value]


UNAWAITED = (
    *(_drops_the_call, _keeps_the_call_in_a_name_that_nobody_reads, _reads_the_reply_of_a_call),
    *(_asks_whether_a_call_is_true, _compares_a_call, _drops_a_function_that_calls, _drops_a_gather),
    *(_drops_a_best_effort, _returns_the_call, _drops_a_list_of_calls, _drops_a_pair_of_calls),
    _iterates_over_the_call,
)


@pytest.mark.parametrize("function", UNAWAITED)
def test_a_call_that_is_not_awaited_breaks_call_is_awaited(function: Callable[..., Any]) -> None:
    assert set(broken_by(function)) == {"call-is-awaited"}


def test_a_call_that_is_awaited_later_or_elsewhere_breaks_no_rule() -> None:
    async def place(_order: StartOrderRequest, shop: Shop) -> Receipt:
        later = shop.inventory.ReserveStock(RESERVE, timeout=2.5)
        calls = [shop.inventory.ReserveStock(request=RESERVE, timeout=None)]
        await asyncio.gather(later, *calls)
        for call in [shop.inventory.ReserveStock(RESERVE), shop.inventory.ReserveStock(RESERVE, timeout=2 * 60)]:
            await call
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.inventory.ReserveStock(RESERVE))  # type: ignore[arg-type]
        reserve = lambda: shop.inventory.ReserveStock(RESERVE)  # noqa: E731
        await reserve()  # type: ignore[no-untyped-call]
        return Receipt()

    assert broken_by(place) == []


async def _names_two_words(_order: StartOrderRequest, shop: Shop) -> Receipt:
    with scope("two words"):
        await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def _names_nothing(_order: StartOrderRequest, shop: Shop) -> Receipt:
    with scope(""):
        await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def _names_a_number(_order: StartOrderRequest, shop: Shop) -> Receipt:
    with scope(3):  # type: ignore[arg-type]
        await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def _names_a_path(order: StartOrderRequest, shop: Shop) -> Receipt:
    for line in order.lines:
        with scope(f"items/{line.sku}"):
            await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def _names_too_much(_order: StartOrderRequest, shop: Shop) -> Receipt:
    with scope("a" * 1 + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"):
        await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def _names_a_constant_of_the_module(_order: StartOrderRequest, shop: Shop) -> Receipt:
    with scope(SPACED):
        await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def _names_what_the_input_holds_freely(order: StartOrderRequest, shop: Shop) -> Receipt:
    with scope(order.request_id):
        await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def _names_what_an_address_holds(order: StartOrderRequest, shop: Shop) -> Receipt:
    where = order.ship_to
    with scope(f"to-{where.country}-{str(where.city)}"):  # noqa: RUF010
        await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def _names_a_secret(order: StartOrderRequest, shop: Shop) -> Receipt:
    with scope("card-" + order.card_token):
        await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


ILLEGAL = (
    *(_names_two_words, _names_nothing, _names_a_number, _names_a_path, _names_too_much),
    *(_names_a_constant_of_the_module, _names_what_the_input_holds_freely, _names_what_an_address_holds),
    _names_a_secret,
)


@pytest.mark.parametrize("function", ILLEGAL)
def test_a_scope_name_that_no_key_can_hold_breaks_scope_name_is_legal(function: Callable[..., Any]) -> None:
    assert set(broken_by(function)) == {"scope-name-is-legal"}


def test_scope_names_that_are_legal_by_constraints_or_unknown_break_no_rule() -> None:
    async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
        for number, line in enumerate(order.lines):
            with scope(f"item-{number}"), scope(str(line.quantity)):
                await shop.inventory.ReserveStock(RESERVE)
        for line in order.lines:
            with scope(f"item-{line.sku}"), scope(line.sku), scope(f"{line.sku}.{line.quantity}"):
                await shop.inventory.ReserveStock(RESERVE)
        return Receipt()

    assert broken_by(place) == []
