"""Orders that wait for somebody's decision, while everything is killed and started again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from saga.v1.saga_pb2 import STATUS_WAITING
from shop.order.v1.order_service_pb2 import ApproveOrderRequest, RejectOrderRequest, WatchOrderRequest
from tests.crash.customers import Customers
from tests.crash.orders import Kind, order_of
from tests.crash.replicas import replicas_of

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.orders import Placed
    from tests.crash.shop import Shop

_DEAR: Final = (("TEE-M", 1000),)
KINDS: Final = (
    Kind("approved", _DEAR),
    Kind("turned_down", _DEAR, refused_at=frozenset({""})),  # by the saga's own code, at no step
    Kind("cancelled", _DEAR),
)
REQUEST: Final = "0198c0de-0000-7000-8000-00000000beef"


async def waits(customers: Customers, order: Placed) -> None:
    """Return as soon as the order waits for a decision."""
    async for told in customers.orders.WatchOrder(WatchOrderRequest(order_id=order.order_id)):
        order.seen = told.order
        if order.seen.status == STATUS_WAITING:
            return


async def test_orders_that_wait_while_everything_is_killed_go_on_at_another_replica_as_somebody_decides(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, postgres_url: str
) -> None:
    first, second = await replicas_of(shop, tmp_path, postgres_url, 2)
    orders = [order_of(chance, kind, f"{run}-{number}") for number, kind in enumerate(KINDS)]
    approved, turned_down, cancelled = orders
    async with Customers(first.address) as customers:
        for order in orders:
            await customers.place(order)
            await waits(customers, order)
    for process in (first, second, *shop.services.values()):
        process.kill()
    await shop.recover()
    await second.restart()

    async with Customers(second.address) as after:
        after.placed += orders
        approval = ApproveOrderRequest(order_id=approved.order_id, request_id=REQUEST)
        answers = [(await after.orders.ApproveOrder(approval)).in_time for _ in range(2)]
        rejection = RejectOrderRequest(order_id=turned_down.order_id, reason="they never paid")
        answers.append((await after.orders.RejectOrder(rejection)).in_time)
        await after.cancel(cancelled)
        for order in orders:
            await after.follow(order)
        late = ApproveOrderRequest(order_id=turned_down.order_id)
        answers.append((await after.orders.ApproveOrder(late)).in_time)

        # The invariants look at the end of each, at the books, and at the traces: one for each order, with one root.
        assert await invariants.broken(after) == []
    assert answers == [True, True, True, False]
    assert turned_down.seen is not None
    assert "they never paid" in turned_down.seen.reason.message
    assert cancelled.cancelled
