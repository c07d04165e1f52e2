"""What is wrong with one order that has ended, each in a sentence: its end, its steps, its payment, its parcel."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from saga.v1 import saga_pb2
from saga.v1.contract_pb2 import EFFECT_COMPENSABLE, EFFECT_QUERY
from shop.payment.v1 import payment_pb2
from shop.shipping.v1 import shipping_pb2
from tests.crash.orders import COMPENSATED, COMPLETED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.type.money_pb2 import Money

    from shop.order.v1.order_pb2 import Order
    from shop.payment.v1.payment_pb2 import GetPaymentResponse
    from shop.shipping.v1.shipping_pb2 import GetShipmentResponse
    from tests.crash.orders import Placed

_NANOS: Final = 1_000_000_000
_ROLLED_BACK_BECAUSE: Final = frozenset({"REJECTED", "UNKNOWN"})
_UNDECIDED: Final = frozenset(
    {saga_pb2.STEP_STATE_IN_PROGRESS, saga_pb2.STEP_STATE_UNKNOWN, saga_pb2.STEP_STATE_COMPENSATING}
)


def broken_by_end(placed: Placed, order: Order) -> Iterator[str]:
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


def broken_by_fronted_end(placed: Placed, order: Order) -> Iterator[str]:
    """Who answers in a participant's place may refuse every order, and can make none complete that is refused."""
    if order.status not in {placed.kind.ends, COMPENSATED}:
        yield f"{_end_of(order)}, and should be {saga_pb2.Status.Name(placed.kind.ends)}, or compensated"
    elif order.status == COMPENSATED and not placed.cancelled and order.reason.code not in _ROLLED_BACK_BECAUSE:
        yield f"{_end_of(order)} for a reason of its own"


def broken_by_cancel(placed: Placed, order: Order) -> Iterator[str]:
    ended = _end_of(order)
    if placed.cancelled and order.status != COMPENSATED:
        yield f"{ended}, and its cancel was accepted"
    if placed.refusal in {"PAST_PIVOT", "SAGA_ENDED"} and order.status != COMPLETED:
        yield f"{ended}, and its cancel was refused: {placed.refusal}"


def broken_by_instants(order: Order) -> Iterator[str]:
    if order.HasField("ended_at") != (order.status in {COMPLETED, COMPENSATED}):
        yield f"{_end_of(order)}, and its end says otherwise"


def _end_of(order: Order) -> str:
    reason = f"{order.reason.code} {order.reason.message}".strip()
    return f"it is {saga_pb2.Status.Name(order.status)} ({reason})"


def broken_by_steps(order: Order) -> Iterator[str]:
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


def broken_by_payment(order: Order, found: GetPaymentResponse | None) -> Iterator[str]:
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


def broken_by_shipment(order: Order, found: GetShipmentResponse | None) -> Iterator[str]:
    arranged = found is not None and found.shipment.state == shipping_pb2.SHIPMENT_STATE_ARRANGED
    if arranged != (order.status == COMPLETED):
        yield "its parcel is on its way" if arranged else "no parcel is on its way"
    if arranged and found is not None and found.shipment.tracking_number != order.receipt.tracking_number:
        yield "its receipt tells the number of another parcel"


def _nanos(money: Money) -> int:
    return int(money.units) * _NANOS + int(money.nanos)
