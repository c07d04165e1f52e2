"""The payments and the ledger, in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from services.chassis.errors import Rejection
from services.chassis.timestamps import Instant
from services.payment.domain import Booking, Payment, Purpose, State

METADATA: Final = MetaData()

PAYMENTS: Final = Table(
    "payments",
    METADATA,
    Column("payment_id", Text, primary_key=True),
    Column("order_id", Text, nullable=False, unique=True),
    Column("customer_id", Text, nullable=False),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('authorized', 'captured', 'voided')", name="payments_state"),
        nullable=False,
    ),
    Column("amount_nanos", BigInteger, CheckConstraint("amount_nanos > 0", name="payments_amount"), nullable=False),
    Column("authorized_at", Instant, nullable=False),
)
# A row moves money from one account to another: whatever rows there are, the ledger balances.
BOOKINGS: Final = Table(
    "bookings",
    METADATA,
    Column("payment_id", Text, ForeignKey("payments.payment_id"), primary_key=True),
    Column(
        "purpose",
        Text,
        CheckConstraint("purpose IN ('authorize', 'void', 'capture', 'remainder')", name="bookings_purpose"),
        primary_key=True,
    ),
    Column("debit_account", Text, nullable=False),
    Column("credit_account", Text, nullable=False),
    Column("amount_nanos", BigInteger, CheckConstraint("amount_nanos > 0", name="bookings_amount"), nullable=False),
    Column("booked_at", Instant, nullable=False),
    CheckConstraint("debit_account <> credit_account", name="bookings_two_accounts"),
)


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking as the ledger has it."""

    booking: Booking
    booked_at: datetime


_OF_ORDER: Final = select(PAYMENTS).where(PAYMENTS.c.order_id == bindparam("order_id"))
_OF_ORDER_LOCKED: Final = _OF_ORDER.with_for_update()
_KEEP_PAYMENT: Final = insert(PAYMENTS)
_SET_PAYMENT: Final = (
    update(PAYMENTS)
    .where(PAYMENTS.c.payment_id == bindparam("its_id"))
    .values(state=bindparam("now_state"), amount_nanos=bindparam("now_amount"))
)
_BOOK: Final = insert(BOOKINGS)
_LEDGER_OF: Final = (
    select(BOOKINGS).where(BOOKINGS.c.payment_id == bindparam("payment_id")).order_by(BOOKINGS.c.booked_at)
)


def find(connection: Connection, order_id: str) -> Payment | None:
    """The payment of an order."""
    return _found(connection, _OF_ORDER, order_id)


def find_locked(connection: Connection, order_id: str) -> Payment | None:
    """The payment of an order, which nobody else changes until the transaction ends."""
    return _found(connection, _OF_ORDER_LOCKED, order_id)


def open_payment(connection: Connection, payment: Payment, bookings: Sequence[Booking]) -> None:
    """Keep a new payment and its bookings.

    Raises:
        Rejection: ORDER_ALREADY_AUTHORIZED.
    """
    row = {
        "payment_id": payment.payment_id,
        "order_id": payment.order_id,
        "customer_id": payment.customer_id,
        "state": payment.state.value,
        "amount_nanos": payment.amount,
        "authorized_at": payment.authorized_at,
    }
    try:
        connection.execute(_KEEP_PAYMENT, row)
    except IntegrityError as error:
        raise Rejection(
            "ORDER_ALREADY_AUTHORIZED",
            f"order {payment.order_id} has a payment",
            metadata={"order_id": payment.order_id},
        ) from error
    _book(connection, payment, bookings, payment.authorized_at)


def change_payment(connection: Connection, payment: Payment, bookings: Sequence[Booking], now: datetime) -> None:
    """Keep the new state of a payment, and its bookings."""
    row = {"its_id": payment.payment_id, "now_state": payment.state.value, "now_amount": payment.amount}
    connection.execute(_SET_PAYMENT, row)
    _book(connection, payment, bookings, now)


def ledger_of(connection: Connection, payment_id: str) -> list[Booked]:
    """The bookings of a payment, the oldest first."""
    return [
        Booked(Booking(Purpose(row.purpose), row.debit_account, row.credit_account, row.amount_nanos), row.booked_at)
        for row in connection.execute(_LEDGER_OF, {"payment_id": payment_id})
    ]


def _book(connection: Connection, payment: Payment, bookings: Sequence[Booking], now: datetime) -> None:
    rows = [
        {
            "payment_id": payment.payment_id,
            "purpose": booking.purpose.value,
            "debit_account": booking.debit,
            "credit_account": booking.credit,
            "amount_nanos": booking.amount,
            "booked_at": now,
        }
        for booking in bookings
    ]
    connection.execute(_BOOK, rows)


def _found(connection: Connection, statement: Select[Any], order_id: str) -> Payment | None:
    row = connection.execute(statement, {"order_id": order_id}).one_or_none()
    if row is None:
        return None
    return Payment(row.payment_id, row.order_id, row.customer_id, State(row.state), row.amount_nanos, row.authorized_at)
