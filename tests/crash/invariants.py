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
from saga.v1.contract_pb2 import EFFECT_COMPENSABLE, EFFECT_QUERY
from shop.analytics.v1.analytics_pb2 import GetReportRequest
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub
from shop.inventory.v1.inventory_pb2 import GetStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.order.v1.order_service_pb2 import GetOrderRequest, ListOrdersRequest
from shop.payment.v1 import payment_pb2
from shop.payment.v1.payment_pb2 import GetPaymentRequest, GetPaymentResponse
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.rewards.v1.rewards_pb2 import GetBalanceRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub
from shop.shipping.v1 import shipping_pb2
from shop.shipping.v1.shipping_pb2 import GetShipmentRequest, GetShipmentResponse
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub
from tests.crash.orders import COMPENSATED, COMPLETED, SKUS
from tests.crash.traces import broken_traces

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Iterator
    from types import TracebackType

    from google.type.money_pb2 import Money

    from shop.order.v1.order_pb2 import Order
    from tests.crash.customers import Customers
    from tests.crash.orders import Placed
    from tests.crash.shop import Shop

T = TypeVar("T")

_SECONDS: Final = 10
_NANOS: Final = 1_000_000_000
_PAGE: Final = 1000
_AT_ONCE: Final = 32
_RECORD: Final = "shop.analytics.v1.AnalyticsService.RecordOrder"
_ORDERS: Final = "orders"  # counted beside the skus, none of which is called so
_ROLLED_BACK_BECAUSE: Final = frozenset({"REJECTED", "UNKNOWN"})
_UNDECIDED: Final = frozenset(
    {saga_pb2.STEP_STATE_IN_PROGRESS, saga_pb2.STEP_STATE_UNKNOWN, saga_pb2.STEP_STATE_COMPENSATING}
)


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
            *(_broken_by_fronted_end(placed, order) if fronted else _broken_by_end(placed, order)),
            *_broken_by_cancel(placed, order),
            *_broken_by_instants(order),
            *_broken_by_steps(order),
            *_broken_by_payment(order, payment),
            *_broken_by_shipment(order, shipment),
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


def _broken_by_end(placed: Placed, order: Order) -> Iterator[str]:
    """Only a cancel may make an order end otherwise than its kind says."""
    if placed.cancelled:
        return
    ended = _end_of(order)
    if order.status != placed.kind.ends:
        yield f"{ended}, and should be {saga_pb2.Status.Name(placed.kind.ends)}"
    elif placed.kind.refused_at and order.reason.code == "REJECTED":
        refused_at = order.reason.step_key.partition(".")[2].partition("#")[0]
        if refused_at not in placed.kind.refused_at:
            yield f"{ended}, and was refused at {order.reason.step_key!r}"
    elif placed.kind.refused_at:
        yield f"{ended} for a reason of its own"


def _broken_by_fronted_end(placed: Placed, order: Order) -> Iterator[str]:
    """Who answers in a participant's place may refuse every order, and can make none complete that is refused."""
    if order.status not in {placed.kind.ends, COMPENSATED}:
        yield f"{_end_of(order)}, and should be {saga_pb2.Status.Name(placed.kind.ends)}, or compensated"
    elif order.status == COMPENSATED and not placed.cancelled and order.reason.code not in _ROLLED_BACK_BECAUSE:
        yield f"{_end_of(order)} for a reason of its own"


def _broken_by_cancel(placed: Placed, order: Order) -> Iterator[str]:
    ended = _end_of(order)
    if placed.cancelled and order.status != COMPENSATED:
        yield f"{ended}, and its cancel was accepted"
    if placed.refusal in {"PAST_PIVOT", "SAGA_ENDED"} and order.status != COMPLETED:
        yield f"{ended}, and its cancel was refused: {placed.refusal}"


def _broken_by_instants(order: Order) -> Iterator[str]:
    if order.HasField("ended_at") != (order.status in {COMPLETED, COMPENSATED}):
        yield f"{_end_of(order)}, and its end says otherwise"


def _end_of(order: Order) -> str:
    reason = f"{order.reason.code} {order.reason.message}".strip()
    return f"it is {saga_pb2.Status.Name(order.status)} ({reason})"


def _broken_by_steps(order: Order) -> Iterator[str]:
    for step in order.steps:
        if step.state in _UNDECIDED and step.effect != EFFECT_QUERY and not step.best_effort:
            yield f"its step {step.key} is {saga_pb2.StepState.Name(step.state)}"
    compensable = [step for step in order.steps if step.effect == EFFECT_COMPENSABLE and step.key]
    if order.status == COMPLETED:
        yield from (f"its step {step.key} was compensated" for step in compensable if step.HasField("compensation"))
        return
    standing = {saga_pb2.STEP_STATE_COMPENSATED, saga_pb2.STEP_STATE_REJECTED}
    yield from (f"its step {step.key} was not compensated" for step in compensable if step.state not in standing)
    compensated = (step for step in compensable if step.HasField("compensation"))
    by_start = sorted(compensated, key=lambda step: step.started_at.ToNanoseconds())
    positions = [step.compensation.position for step in by_start]
    if positions != list(range(len(positions), 0, -1)):
        yield f"its steps, in the order of their start, were compensated as {positions}"
    for later, earlier in zip(by_start[1:], by_start, strict=False):
        if earlier.compensation.started_at.ToNanoseconds() < later.compensation.ended_at.ToNanoseconds():
            yield f"the compensation of {earlier.key} did not wait for that of {later.key}"


def _broken_by_payment(order: Order, found: GetPaymentResponse | None) -> Iterator[str]:
    if found is None:
        if order.status == COMPLETED:
            yield "nothing was paid"
        return
    due = payment_pb2.PAYMENT_STATE_CAPTURED if order.status == COMPLETED else payment_pb2.PAYMENT_STATE_VOIDED
    if found.payment.state != due:
        yield f"its payment is {payment_pb2.PaymentState.Name(found.payment.state)}"
    accounts = Counter[str]()
    for entry in found.entries:
        accounts[entry.account.partition(":")[0]] += _nanos(entry.amount)
    if total := accounts.total():
        yield f"its ledger adds up to {total / _NANOS}"
    # Booked twice, the hold and its end: neither less nor more.
    if len(found.entries) != 4:
        yield f"its ledger has {len(found.entries)} entries"
    paid = _nanos(order.receipt.total)
    if (accounts["customer"], accounts["holds"], accounts["sales"]) != (paid, 0, -paid):
        yield f"its ledger says {dict(accounts)}, and {paid} nanos were due"


def _broken_by_shipment(order: Order, found: GetShipmentResponse | None) -> Iterator[str]:
    arranged = found is not None and found.shipment.state == shipping_pb2.SHIPMENT_STATE_ARRANGED
    if arranged != (order.status == COMPLETED):
        yield "its parcel is on its way" if arranged else "no parcel is on its way"
    if arranged and found is not None and found.shipment.tracking_number != order.receipt.tracking_number:
        yield "its receipt tells the number of another parcel"


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


def _nanos(money: Money) -> int:
    return int(money.units) * _NANOS + int(money.nanos)
