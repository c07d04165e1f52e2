"""The inventory, on every store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReleaseStockRequest, ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from tests.conformance.services.conftest import RefusedWith, Serve


@pytest.fixture
async def inventory(serve: Serve) -> InventoryServiceStub:
    return InventoryServiceStub(await serve("inventory"))


def lines(**quantities: int) -> list[Line]:
    return [Line(sku=sku.replace("_", "-"), quantity=quantity) for sku, quantity in quantities.items()]


async def stock(inventory: InventoryServiceStub, sku: str) -> tuple[int, int]:
    shown = await inventory.GetStock(GetStockRequest(sku=sku))
    return shown.available, shown.reserved


async def test_the_shelves_are_full_on_the_first_day(inventory: InventoryServiceStub) -> None:
    assert await stock(inventory, "MUG-BLUE") == (1_000_000, 0)
    assert await stock(inventory, "LAMP-DESK") == (500, 0)
    assert await stock(inventory, "PIANO-GRAND") == (3, 0)


async def test_a_reservation_says_where_its_lines_lie(inventory: InventoryServiceStub) -> None:
    request = ReserveStockRequest(order_id="order-1", lines=lines(TEE_M=2, MUG_BLUE=1))
    reply = await inventory.ReserveStock(request)
    assert [(line.sku, line.quantity, line.bin) for line in reply.lines] == [
        ("TEE-M", 2, "A-02"),
        ("MUG-BLUE", 1, "A-01"),
    ]
    assert await stock(inventory, "TEE-M") == (999_998, 2)


async def test_lines_of_one_product_are_added_up(inventory: InventoryServiceStub, refused_with: RefusedWith) -> None:
    twice = ReserveStockRequest(order_id="order-1", lines=lines(PIANO_GRAND=2) + lines(PIANO_GRAND=2))
    assert (await refused_with(inventory.ReserveStock(twice)))[1] == "OUT_OF_STOCK"


async def test_all_lines_are_reserved_or_none(inventory: InventoryServiceStub, refused_with: RefusedWith) -> None:
    request = ReserveStockRequest(order_id="order-1", lines=lines(MUG_BLUE=1, PIANO_GRAND=4))
    code, reason, metadata = await refused_with(inventory.ReserveStock(request))
    assert (code, reason) == ("FAILED_PRECONDITION", "OUT_OF_STOCK")
    assert metadata == {"sku": "PIANO-GRAND", "wanted": "4", "available": "3"}
    assert await stock(inventory, "MUG-BLUE") == (1_000_000, 0)


async def test_an_unknown_product_is_refused(inventory: InventoryServiceStub, refused_with: RefusedWith) -> None:
    request = ReserveStockRequest(order_id="order-1", lines=lines(MUG_BLUE=1, UNICORN=1))
    assert await refused_with(inventory.ReserveStock(request)) == ("NOT_FOUND", "SKU_UNKNOWN", {"sku": "UNICORN"})
    assert (await refused_with(inventory.GetStock(GetStockRequest(sku="UNICORN"))))[0] == "NOT_FOUND"


async def test_an_order_has_one_reservation(inventory: InventoryServiceStub, refused_with: RefusedWith) -> None:
    await inventory.ReserveStock(ReserveStockRequest(order_id="order-1", lines=lines(MUG_BLUE=1)))
    again = inventory.ReserveStock(ReserveStockRequest(order_id="order-1", lines=lines(TEE_M=1)))
    assert (await refused_with(again))[1] == "ORDER_ALREADY_RESERVED"


async def test_a_release_gives_everything_back_and_may_be_repeated(inventory: InventoryServiceStub) -> None:
    await inventory.ReserveStock(ReserveStockRequest(order_id="order-1", lines=lines(MUG_BLUE=5, TEE_M=1)))
    for _ in range(2):
        await inventory.ReleaseStock(ReleaseStockRequest(order_id="order-1"))
    assert await stock(inventory, "MUG-BLUE") == (1_000_000, 0)
    assert await stock(inventory, "TEE-M") == (1_000_000, 0)


async def test_a_released_order_may_reserve_again(inventory: InventoryServiceStub) -> None:
    request = ReserveStockRequest(order_id="order-1", lines=lines(PIANO_GRAND=3))
    await inventory.ReserveStock(request)
    await inventory.ReleaseStock(ReleaseStockRequest(order_id="order-1"))
    await inventory.ReserveStock(request)
    assert await stock(inventory, "PIANO-GRAND") == (0, 3)


async def test_of_many_orders_for_the_last_pieces_only_as_many_succeed_as_there_are_pieces(
    inventory: InventoryServiceStub,
) -> None:
    wishes = [ReserveStockRequest(order_id=f"order-{n}", lines=lines(PIANO_GRAND=1)) for n in range(12)]
    replies = await asyncio.gather(*(inventory.ReserveStock(wish) for wish in wishes), return_exceptions=True)
    assert sum(not isinstance(reply, BaseException) for reply in replies) == 3
    assert await stock(inventory, "PIANO-GRAND") == (0, 3)


async def test_orders_for_the_same_products_in_any_order_never_deadlock(
    inventory: InventoryServiceStub,
) -> None:
    carts = [lines(MUG_BLUE=1, TEE_M=1, BOOK_SAGA=1), lines(BOOK_SAGA=1, TEE_M=1, MUG_BLUE=1)]
    orders = [ReserveStockRequest(order_id=f"order-{n}", lines=carts[n % 2]) for n in range(40)]
    await asyncio.gather(*(inventory.ReserveStock(order) for order in orders))
    releases = (ReleaseStockRequest(order_id=order.order_id) for order in reversed(orders))
    await asyncio.gather(*(inventory.ReleaseStock(release) for release in releases))
    assert await stock(inventory, "TEE-M") == (1_000_000, 0)


async def test_concurrent_duplicates_of_a_release_give_back_once(inventory: InventoryServiceStub) -> None:
    await inventory.ReserveStock(ReserveStockRequest(order_id="order-1", lines=lines(LAMP_DESK=5)))
    release = ReleaseStockRequest(order_id="order-1")
    await asyncio.gather(*(inventory.ReleaseStock(release) for _ in range(10)))
    assert await stock(inventory, "LAMP-DESK") == (500, 0)
