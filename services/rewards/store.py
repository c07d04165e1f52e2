"""The members' balances and the credits behind them, in SQL."""

from typing import Final

import grpc
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    MetaData,
    Table,
    Text,
    bindparam,
    select,
    update,
)

# SQLite writes ON CONFLICT DO NOTHING as PostgreSQL does, and RETURNING tells both whether there was a conflict.
from sqlalchemy.dialects.postgresql import insert

from services.chassis.errors import Rejection
from services.rewards.domain import Credit

METADATA: Final = MetaData()

BALANCES: Final = Table(
    "balances",
    METADATA,
    Column("customer_id", Text, primary_key=True),
    Column("points", BigInteger, CheckConstraint("points >= 0", name="balances_points"), nullable=False),
)
CREDITS: Final = Table(
    "credits",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("customer_id", Text, ForeignKey("balances.customer_id"), nullable=False),
    Column("points", BigInteger, CheckConstraint("points >= 0", name="credits_points"), nullable=False),
)

_OPEN: Final = insert(BALANCES).on_conflict_do_nothing()
_KEEP: Final = insert(CREDITS).on_conflict_do_nothing().returning(CREDITS.c.order_id)
_ADD: Final = (
    update(BALANCES)
    .where(BALANCES.c.customer_id == bindparam("member"))
    .values(points=BALANCES.c.points + bindparam("credited"))
)
_CREDIT_OF: Final = select(CREDITS.c.customer_id, CREDITS.c.points).where(CREDITS.c.order_id == bindparam("order_id"))
_BALANCE_OF: Final = select(BALANCES.c.points).where(BALANCES.c.customer_id == bindparam("customer_id"))


def credit(connection: Connection, order_id: str, customer_id: str, points: int) -> Credit:
    """Credit the points of an order to a member, whose first order opens the balance; once for each order.

    Returns:
        the points that were credited for the order, now or before, and the balance now.

    Raises:
        Rejection: ORDER_CREDITED_TO_ANOTHER.
    """
    connection.execute(_OPEN, {"customer_id": customer_id, "points": 0})
    row = {"order_id": order_id, "customer_id": customer_id, "points": points}
    if connection.execute(_KEEP, row).one_or_none():
        connection.execute(_ADD, {"member": customer_id, "credited": points})
        return Credit(points, balance(connection, customer_id))
    member, credited = connection.execute(_CREDIT_OF, {"order_id": order_id}).one()
    if member != customer_id:
        raise Rejection(
            "ORDER_CREDITED_TO_ANOTHER",
            f"the points of order {order_id} were credited to another member",
            code=grpc.StatusCode.ALREADY_EXISTS,
            metadata={"order_id": order_id},
        )
    return Credit(credited, balance(connection, customer_id))


def balance(connection: Connection, customer_id: str) -> int:
    """A member's points.

    Raises:
        Rejection: MEMBER_UNKNOWN.
    """
    points: int | None = connection.execute(_BALANCE_OF, {"customer_id": customer_id}).scalar_one_or_none()
    if points is None:
        raise Rejection(
            "MEMBER_UNKNOWN",
            f"{customer_id} is not a member",
            code=grpc.StatusCode.NOT_FOUND,
            metadata={"customer_id": customer_id},
        )
    return points
