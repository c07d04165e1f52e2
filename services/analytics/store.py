"""What was sold, in SQL. Amounts are in nanos of their currency's unit, as google.type.Money counts them."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Date,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    select,
)
from sqlalchemy import insert as plain_insert

# SQLite writes ON CONFLICT DO NOTHING as PostgreSQL does, and RETURNING tells both whether there was a conflict.
from sqlalchemy.dialects.postgresql import insert

from services.analytics.domain import DaySales, Period

METADATA: Final = MetaData()

ORDERS: Final = Table(
    "orders",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("day", Date, nullable=False, index=True),
    Column("currency", Text, nullable=False),
    Column("nanos", BigInteger, CheckConstraint("nanos >= 0", name="orders_nanos"), nullable=False),
)
ORDER_PRODUCTS: Final = Table(
    "order_products",
    METADATA,
    Column("order_id", Text, ForeignKey("orders.order_id"), primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("quantity", Integer, CheckConstraint("quantity > 0", name="order_products_quantity"), nullable=False),
)

_KEEP: Final = insert(ORDERS).on_conflict_do_nothing().returning(ORDERS.c.order_id)
_KEEP_PRODUCTS: Final = plain_insert(ORDER_PRODUCTS)
_IN_PERIOD: Final = ORDERS.c.day.between(bindparam("first"), bindparam("last"))
_TOTALS: Final = (
    select(ORDERS.c.day, ORDERS.c.currency, func.count(), func.sum(ORDERS.c.nanos))
    .where(_IN_PERIOD)
    .group_by(ORDERS.c.day, ORDERS.c.currency)
    .order_by(ORDERS.c.day, ORDERS.c.currency)
)
_PRODUCTS: Final = (
    select(ORDERS.c.day, ORDER_PRODUCTS.c.sku, func.sum(ORDER_PRODUCTS.c.quantity))
    .join_from(ORDERS, ORDER_PRODUCTS)
    .where(_IN_PERIOD)
    .group_by(ORDERS.c.day, ORDER_PRODUCTS.c.sku)
    .order_by(ORDERS.c.day, ORDER_PRODUCTS.c.sku)
)


def record(
    connection: Connection, order_id: str, day: date, *, currency: str, nanos: int, products: Mapping[str, int]
) -> None:
    """Record a completed order; do nothing where it was recorded before.

    Args:
        connection: the transaction.
        order_id: the order's identity.
        day: the day, in UTC, that it counts for.
        currency: what was paid in, ISO 4217.
        nanos: what was paid.
        products: how many pieces, by sku.
    """
    row = {"order_id": order_id, "day": day, "currency": currency, "nanos": nanos}
    if connection.execute(_KEEP, row).one_or_none():
        rows = [{"order_id": order_id, "sku": sku, "quantity": quantity} for sku, quantity in products.items()]
        connection.execute(_KEEP_PRODUCTS, rows)


def sales(connection: Connection, period: Period) -> list[DaySales]:
    """The days of the period on which something was sold, the earliest first."""
    days = {"first": period.first, "last": period.last}
    orders: dict[date, int] = defaultdict(int)
    totals: dict[date, dict[str, int]] = defaultdict(dict)
    products: dict[date, dict[str, int]] = defaultdict(dict)
    # PostgreSQL adds up to a Decimal, SQLite to an int.
    for day, currency, count, nanos in connection.execute(_TOTALS, days):
        orders[day] += count
        totals[day][currency] = int(nanos)
    for day, sku, quantity in connection.execute(_PRODUCTS, days):
        products[day][sku] = int(quantity)
    return [DaySales(day, orders[day], totals[day], products[day]) for day in orders]
