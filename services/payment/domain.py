"""The rules of holding and taking money.

    AuthorizePayment          CapturePayment
    ────────────────▶ AUTHORIZED ────────────▶ CAPTURED
                          │ VoidAuthorization
                          └──────────────────▶ VOIDED

CAPTURED and VOIDED are final. Each step is booked in the ledger as movements of money from one account to
another, so the ledger balances by construction:

    step         debit             credit
    authorize    customer:<id>     holds             what is held
    void         holds             customer:<id>     what was held
    capture      holds             sales             what is taken
    remainder    holds             customer:<id>     what was held and is not taken

All amounts are nanos of a euro.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

import grpc

from services.chassis.errors import InvalidRequest, Rejection

HOLDS: Final = "holds"
SALES: Final = "sales"

# What the issuers of these test cards answer.
_REFUSED_CARDS: Final = {
    "tok_declined": ("CARD_DECLINED", "the card was declined"),
    "tok_insufficient_funds": ("INSUFFICIENT_FUNDS", "the card has insufficient funds"),
}


class State(StrEnum):
    """The state of a payment."""

    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"


class Purpose(StrEnum):
    """Why money was moved. A payment has at most one booking of each."""

    AUTHORIZE = "authorize"
    VOID = "void"
    CAPTURE = "capture"
    REMAINDER = "remainder"


@dataclass(frozen=True, slots=True)
class Booking:
    """A movement of money between two accounts.

    Attributes:
        purpose: why it was moved.
        debit: the account debited.
        credit: the account credited; another one.
        amount: how much; more than zero.
    """

    purpose: Purpose
    debit: str
    credit: str
    amount: int

    def __post_init__(self) -> None:
        if self.amount <= 0 or self.debit == self.credit:
            raise ValueError(f"{self} moves nothing")

    def entries(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Both sides, as (account, amount): positive for the debit, negative for the credit."""
        return (self.debit, self.amount), (self.credit, -self.amount)


@dataclass(frozen=True, slots=True)
class Payment:
    """The payment of an order.

    Attributes:
        payment_id: its identity.
        order_id: the order's.
        customer_id: whose card it is.
        state: its state.
        amount: what is on hold, was captured or was voided; more than zero.
        authorized_at: when the hold was put.
    """

    payment_id: str
    order_id: str
    customer_id: str
    state: State
    amount: int
    authorized_at: datetime

    @property
    def customer(self) -> str:
        """The customer's account."""
        return f"customer:{self.customer_id}"


def chargeable(amount: int) -> int:
    """An amount that can be held or taken.

    Raises:
        InvalidRequest: it is not more than zero.
    """
    if amount <= 0:
        raise InvalidRequest([("amount", "must be more than zero")])
    return amount


def refuse_card(card_token: str) -> None:
    """Ask the issuer of the card.

    Raises:
        Rejection: CARD_DECLINED or INSUFFICIENT_FUNDS.
    """
    if card_token in _REFUSED_CARDS:
        raise Rejection(*_REFUSED_CARDS[card_token])


def authorize(payment: Payment) -> list[Booking]:
    """The bookings that put the hold of a new payment."""
    return [Booking(Purpose.AUTHORIZE, payment.customer, HOLDS, payment.amount)]


def void(payment: Payment) -> tuple[Payment, list[Booking]]:
    """The payment and the bookings once its hold is lifted; a voided one stays as it is.

    Raises:
        Rejection: PAYMENT_CAPTURED.
    """
    if payment.state is State.VOIDED:
        return payment, []
    _refuse_unless_authorized(payment)
    booking = Booking(Purpose.VOID, HOLDS, payment.customer, payment.amount)
    return replace(payment, state=State.VOIDED), [booking]


def capture(payment: Payment, amount: int) -> tuple[Payment, list[Booking]]:
    """The payment and the bookings once ``amount`` of its hold is taken and the rest of it lifted.

    Raises:
        Rejection: PAYMENT_CAPTURED, PAYMENT_VOIDED or CAPTURE_EXCEEDS_HOLD.
    """
    _refuse_unless_authorized(payment)
    if amount > payment.amount:
        raise Rejection(
            "CAPTURE_EXCEEDS_HOLD",
            f"order {payment.order_id}: more is to be captured than is on hold",
            metadata={"order_id": payment.order_id, "held_nanos": payment.amount, "capture_nanos": amount},
        )
    bookings = [Booking(Purpose.CAPTURE, HOLDS, SALES, amount)]
    if amount < payment.amount:
        bookings.append(Booking(Purpose.REMAINDER, HOLDS, payment.customer, payment.amount - amount))
    return replace(payment, state=State.CAPTURED, amount=amount), bookings


def known(order_id: str, payment: Payment | None) -> Payment:
    """The payment, which the order must have.

    Raises:
        Rejection: PAYMENT_UNKNOWN.
    """
    if payment is None:
        raise Rejection(
            "PAYMENT_UNKNOWN",
            f"order {order_id} has no payment",
            code=grpc.StatusCode.NOT_FOUND,
            metadata={"order_id": order_id},
        )
    return payment


def _refuse_unless_authorized(payment: Payment) -> None:
    if payment.state is not State.AUTHORIZED:
        raise Rejection(
            f"PAYMENT_{payment.state.name}",
            f"the payment of order {payment.order_id} is {payment.state.value}",
            metadata={"order_id": payment.order_id, "payment_id": payment.payment_id},
        )
