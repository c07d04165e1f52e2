"""What must be true of the shop whatever process died, looked at from outside: the services' own answers.

An order has ended as it must; it completed where its payment is captured, its parcel is on its way and its stock is
reserved, and is compensated where none of that is so; nothing was done twice; compensations ran backwards. Where the
shop is traced, each order has one whole trace; and no process has met with an accident.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeVar

import grpc
import grpc.aio
from google.type.date_pb2 import Date

from saga.v1 import saga_pb2
from shop.analytics.v1.analytics_pb2 import GetReportRequest
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub
from shop.inventory.v1.inventory_pb2 import GetStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.order.v1.order_service_pb2 import GetOrderRequest, ListOrdersRequest
from shop.payment.v1.payment_pb2 import GetPaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.rewards.v1.rewards_pb2 import GetBalanceRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub
from shop.shipping.v1.shipping_pb2 import GetShipmentRequest
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub
from tests.crash.order_checks import (
    broken_by_cancel,
    broken_by_end,
    broken_by_fronted_end,
    broken_by_instants,
    broken_by_payment,
    broken_by_shipment,
    broken_by_steps,
)
from tests.crash.orders import COMPLETED, SKUS
from tests.crash.traces import broken_traces

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Iterator
    from types import TracebackType

    from shop.order.v1.order_pb2 import Order
    from tests.crash.customers import Customers
    from tests.crash.orders import Placed
    from tests.crash.shop import Shop

T = TypeVar("T")

_SECONDS: Final = 10
_PAGE: Final = 1000
_AT_ONCE: Final = 32
_RECORD: Final = "shop.analytics.v1.AnalyticsService.RecordOrder"
_ORDERS: Final = "orders"  # counted beside the skus, none of which is called so


@dataclass(frozen=True)
class Books:
    """What the services had counted at one moment.

    Attributes:
        available: pieces that can be reserved, by sku; so is reserved.
        sold: what the report counts: pieces by sku, and orders.
    """

    available: Counter[str]
    reserved: Counter[str]
    sold: Counter[str]


class Invariants:
    """Knows how the books stood before, and tells what is wrong with them now; an async context manager."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._channels = {name: shop.channel(name) for name in shop.services}
        self._inventory = InventoryServiceStub(self._channels["inventory"])
        self._payment = PaymentServiceStub(self._channels["payment"])
        self._shipping = ShippingServiceStub(self._channels["shipping"])
        self._rewards = RewardsServiceStub(self._channels["rewards"])
        self._analytics = AnalyticsServiceStub(self._channels["analytics"])
        self._before: Books | None = None
        self._told_before: frozenset[str] = frozenset()

    async def __aenter__(self) -> Self:
        self._before = await self._books()
        self._told_before = frozenset(self._shop.complaints())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        async with AsyncExitStack() as stack:
            for channel in self._channels.values():
                stack.push_async_callback(channel.close)

    async def broken(
        self, customers: Customers, *, traced: bool = True, fronted: bool = False, beside: Collection[str] = ()
    ) -> list[str]:
        """Every invariant that does not hold, in a sentence; none where all is well.

        Args:
            customers: their orders were the only ones, and each was followed to its end.
            traced: the orchestrator has told the shop's collector of them.
            fronted: others answered in the place of participants, so any of them may have been refused.
            beside: the ids of sagas that no customer has placed.
        """
        turn = asyncio.Semaphore(_AT_ONCE)

        async def look(placed: Placed) -> tuple[Order, list[str]]:
            async with turn:
                return await self._look_at(customers, placed, fronted=fronted)

        looked = await asyncio.gather(*map(look, customers.placed))
        orders = [order for order, _ in looked]
        everything = await _listed(customers)
        listed = Counter({each: number for each, number in everything.items() if each[0] not in beside})
        return [
            *(problem for _, problems in looked for problem in problems),
            *_listed_otherwise(orders, listed),
            *await self._broken_in_books(orders),
            *await self._broken_in_points(orders),
            *(line for line in self._shop.complaints(fronted=fronted) if line not in self._told_before),
            *(await broken_traces(self._shop.collector, customers.placed) if traced and self._shop.traced else ()),
        ]

    async def _look_at(self, customers: Customers, placed: Placed, *, fronted: bool) -> tuple[Order, list[str]]:
        answer = await customers.orders.GetOrder(GetOrderRequest(order_id=placed.order_id), timeout=_SECONDS)
        order = answer.order
        payment = await if_found(self._payment.GetPayment(GetPaymentRequest(order_id=order.order_id)))
        shipment = await if_found(self._shipping.GetShipment(GetShipmentRequest(order_id=order.order_id)))
        problems = [
            *(broken_by_fronted_end(placed, order) if fronted else broken_by_end(placed, order)),
            *broken_by_cancel(placed, order),
            *broken_by_instants(order),
            *broken_by_steps(order),
            *broken_by_payment(order, payment),
            *broken_by_shipment(order, shipment),
        ]
        return order, [f"{placed.kind.name} order {order.order_id}: {problem}" for problem in problems]

    async def _broken_in_books(self, orders: list[Order]) -> list[str]:
        now, before = await self._books(), self._before
        assert before is not None
        completed = [order for order in orders if order.status == COMPLETED]
        units = Counter[str]()
        for order in completed:
            units.update({line.sku: line.quantity for line in order.lines})
        problems = []
        for sku in SKUS:
            reserved, available = now.reserved[sku] - before.reserved[sku], before.available[sku] - now.available[sku]
            if not reserved == available == units[sku]:
                problems.append(
                    f"of {sku}, {units[sku]} were sold, {reserved} more are reserved and {available} less available"
                )
        return problems + list(_broken_by_report(completed, now.sold - before.sold))

    async def _broken_in_points(self, orders: list[Order]) -> list[str]:
        """Customers are this run's own, so their points are, too."""
        earned = Counter({order.customer_id: 0 for order in orders})
        for order in orders:
            earned[order.customer_id] += order.receipt.points
        problems = []
        for customer_id, points in earned.items():
            found = await if_found(self._rewards.GetBalance(GetBalanceRequest(customer_id=customer_id)))
            balance = found.balance.points if found else 0
            if balance != points:
                problems.append(f"customer {customer_id} has {balance} points and has earned {points}")
        return problems

    async def _books(self) -> Books:
        stock = [await self._inventory.GetStock(GetStockRequest(sku=sku), timeout=_SECONDS) for sku in SKUS]
        # Yesterday too: a run may see midnight.
        day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
        since = GetReportRequest(**{"from": Date(year=day.year, month=day.month, day=day.day)})
        report = await self._analytics.GetReport(since, timeout=_SECONDS)
        sold = Counter({_ORDERS: sum(day.orders for day in report.days)})
        for each in report.days:
            sold.update({product.sku: product.quantity for product in each.products})
        return Books(
            available=Counter({each.sku: each.available for each in stock}),
            reserved=Counter({each.sku: each.reserved for each in stock}),
            sold=sold,
        )


def _broken_by_report(completed: list[Order], sold: Counter[str]) -> Iterator[str]:
    """The report counts completed orders, each once; those of which the analytics could not be told may be missing."""
    least, most = Counter[str](), Counter[str]()
    for order in completed:
        counted = Counter({_ORDERS: 1, **{line.sku: line.quantity for line in order.lines}})
        most += counted
        if any(step.method == _RECORD and step.state == saga_pb2.STEP_STATE_COMPLETED for step in order.steps):
            least += counted
    for name in (_ORDERS, *SKUS):
        if not least[name] <= sold[name] <= most[name]:
            yield f"the report counts {sold[name]} {name}; it should be {least[name]} to {most[name]}"


async def _listed(customers: Customers) -> Counter[tuple[str, int]]:
    """The id and status of every order that the orchestrator lists, and how often it does."""
    listed = Counter[tuple[str, int]]()
    page = ""
    while True:
        answer = await customers.orders.ListOrders(
            ListOrdersRequest(page_size=_PAGE, page_token=page), timeout=_SECONDS
        )
        listed.update((order.order_id, order.status) for order in answer.orders)
        page = answer.next_page_token
        if not page:
            return listed


def _listed_otherwise(orders: list[Order], listed: Counter[tuple[str, int]]) -> Iterator[str]:
    shown = Counter[tuple[str, int]]((order.order_id, order.status) for order in orders)
    if shown != listed:
        yield f"orders that ListOrders misses: {dict(shown - listed)}; that nobody placed so: {dict(listed - shown)}"


async def if_found(call: Awaitable[T]) -> T | None:
    """The reply of a query, or ``None`` where it says NOT_FOUND."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise
