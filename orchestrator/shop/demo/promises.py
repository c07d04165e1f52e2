"""What is promised of each order, looked at from outside: the services' own answers, and the traces.

Nothing here asks the orchestrator about effects: whether the stock is back, the inventory knows.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc.aio

from orchestrator.shop.demo.otlp import loose_links, orphans, roots
from orchestrator.shop.demo.processes import CHANNEL_OPTIONS
from saga.v1 import saga_pb2
from shop.inventory.v1.inventory_pb2 import GetStockRequest, GetStockResponse
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.payment.v1 import payment_pb2
from shop.payment.v1.payment_pb2 import GetPaymentRequest, GetPaymentResponse
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.shipping.v1 import shipping_pb2
from shop.shipping.v1.shipping_pb2 import GetShipmentRequest, Shipment
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.type.money_pb2 import Money

    from orchestrator.shop.demo.orders import DemoOrder
    from orchestrator.shop.demo.otlp import Trace

_NANOS: Final = 1_000_000_000
_SECONDS: Final = 5
_IN_THE_AIR: Final = frozenset(
    {saga_pb2.STEP_STATE_IN_PROGRESS, saga_pb2.STEP_STATE_UNKNOWN, saga_pb2.STEP_STATE_COMPENSATING}
)
_POLL_SECONDS: Final = 0.02
_ASKED: Final = ("inventory", "payment", "shipping")


@dataclass(frozen=True)
class Effects:
    """What the services say of one order: ``None`` for what does not exist."""

    stock: GetStockResponse
    payment: GetPaymentResponse | None
    shipment: Shipment | None


class Services:
    """The services that are asked, as anybody may ask them.

    Args:
        addresses: ``host:port`` by the name of the service.
    """

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._channels = {name: grpc.aio.insecure_channel(addresses[name], options=CHANNEL_OPTIONS) for name in _ASKED}
        self._inventory = InventoryServiceStub(self._channels["inventory"])
        self._payment = PaymentServiceStub(self._channels["payment"])
        self._shipping = ShippingServiceStub(self._channels["shipping"])

    async def stock(self, sku: str) -> GetStockResponse:
        """The stock of one product."""
        return await self._inventory.GetStock(GetStockRequest(sku=sku), timeout=_SECONDS)

    async def effects(self, order_id: str, sku: str) -> Effects:
        """What an order of one product has left behind."""
        return Effects(await self.stock(sku), await self._payment_of(order_id), await self._shipment_of(order_id))

    async def hold_taken(self, order_id: str) -> None:
        """Return as soon as an order's money is on hold."""
        while await self._payment_of(order_id) is None:  # noqa: ASYNC110 - the service tells nobody
            await asyncio.sleep(_POLL_SECONDS)

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            await channel.close()

    async def _payment_of(self, order_id: str) -> GetPaymentResponse | None:
        try:
            return await self._payment.GetPayment(GetPaymentRequest(order_id=order_id), timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            _raise_unless_not_found(error)
            return None

    async def _shipment_of(self, order_id: str) -> Shipment | None:
        try:
            found = await self._shipping.GetShipment(GetShipmentRequest(order_id=order_id), timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            _raise_unless_not_found(error)
            return None
        return found.shipment


def told_by_effects(before: GetStockResponse, effects: Effects) -> str:
    """What the services say of an order, in a line."""
    payment, shipment = effects.payment, effects.shipment
    parts = [
        f"stock of {before.sku} {before.available} → {effects.stock.available}",
        f"payment {_word(payment_pb2.PaymentState, payment.payment.state) if payment else 'none'}",
        f"ledger adds up to {sum(_nanos(entry.amount) for entry in payment.entries) / _NANOS:g}" if payment else "",
        f"parcel {_word(shipping_pb2.ShipmentState, shipment.state) if shipment else 'none'}",
    ]
    return " · ".join(filter(None, parts))


def broken_by_saga(order: DemoOrder, saga: saga_pb2.Saga) -> Iterator[str]:
    """What is not as promised in the saga's own account of itself."""
    if saga.status != order.ends:
        yield f"it is {_name(saga_pb2.Status, saga.status)}, not {_name(saga_pb2.Status, order.ends)}"
    if (saga.reason.code, saga.reason.step_key) != (order.reason, order.step_key):
        yield f"its reason is {saga.reason.code} at {saga.reason.step_key!r}, not {order.reason} at {order.step_key!r}"
    for step in saga.steps:
        if step.state in _IN_THE_AIR:
            yield f"its step {step.key} is left {_name(saga_pb2.StepState, step.state)}"
        elif step.HasField("compensation") and not step.compensation.HasField("ended_at"):
            yield f"its step {step.key} was not compensated"
    positions = [step.compensation.position for step in saga.steps if step.HasField("compensation")]
    if positions != sorted(positions, reverse=True):
        yield f"its compensations ran in the order {positions}, not backwards"


def broken_by_effects(order: DemoOrder, before: GetStockResponse, effects: Effects) -> Iterator[str]:
    """What is not as promised in the services' books."""
    sold = order.line.quantity if order.completes else 0
    stock = effects.stock
    if (stock.available, stock.reserved) != (before.available - sold, before.reserved + sold):
        yield (
            f"of {stock.sku}, {stock.available} are available and {stock.reserved} reserved; "
            f"it was {before.available} and {before.reserved}, and {sold} were sold"
        )
    yield from _broken_by_payment(order, effects.payment)
    arranged = effects.shipment is not None and effects.shipment.state == shipping_pb2.SHIPMENT_STATE_ARRANGED
    if arranged != order.completes:
        yield "its parcel is on its way" if arranged else "no parcel is on its way"


def broken_by_trace(order: DemoOrder, trace: Trace, *, recovers: bool = True) -> Iterator[str]:
    """What is not as promised in the trace.

    Args:
        order: which one.
        trace: its own.
        recovers: a saga whose process was killed is recovered by another one; on a Temporal cluster it never stops.
    """
    found = roots(trace)
    if [root.name for root in found] != ["saga place_order"]:
        yield f"its trace has the roots {[root.name for root in found]}, not one"
    if lost := orphans(trace):
        yield f"its trace has spans without their parents: {[span.name for span in lost]}"
    if loose := loose_links(trace):
        yield f"its trace has links that lead nowhere: {[span.name for span in loose]}"
    recovered = any(root.attributes.get("saga.recovered") for root in found)
    if recovered != (order.killed and recovers):
        yield "its trace tells of a recovery" if recovered else "its trace does not tell of its recovery"


def _broken_by_payment(order: DemoOrder, found: GetPaymentResponse | None) -> Iterator[str]:
    if found is None:
        if order.held:
            yield "nothing was put on hold"
        return
    if not order.held:
        yield "money was put on hold"
    due = payment_pb2.PAYMENT_STATE_CAPTURED if order.completes else payment_pb2.PAYMENT_STATE_VOIDED
    if found.payment.state != due:
        states = payment_pb2.PaymentState
        yield f"its payment is {_name(states, found.payment.state)}, not {_name(states, due)}"
    if total := sum(_nanos(entry.amount) for entry in found.entries):
        yield f"its ledger adds up to {total / _NANOS}, not to zero"
    paid = sum(_nanos(entry.amount) for entry in found.entries if entry.account.startswith("customer:"))
    if bool(paid) != order.completes or (paid and paid != _nanos(found.payment.amount)):
        yield f"the customer's account has moved by {paid / _NANOS}"


def _nanos(money: Money) -> int:
    return int(money.units * _NANOS + money.nanos)


def _name(enum: Any, number: int) -> str:  # noqa: ANN401 - the enums of protobuf share no type
    return str(enum.Name(number))


def _word(enum: Any, number: int) -> str:  # noqa: ANN401 - see _name
    return _name(enum, number).rpartition("_")[2].lower()


def _raise_unless_not_found(error: grpc.aio.AioRpcError) -> None:
    if error.code() is not grpc.StatusCode.NOT_FOUND:
        raise error
