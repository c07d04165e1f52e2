"""The stock and its reservations, in SQL."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from services.chassis.errors import Rejection
from services.inventory.domain import Stock, known, reserve_all

METADATA: Final = MetaData()

STOCK: Final = Table(
    "stock",
    METADATA,
    Column("sku", Text, primary_key=True),
    Column("bin", Text, nullable=False),
    Column("available", BigInteger, CheckConstraint("available >= 0", name="stock_available"), nullable=False),
    Column("reserved", BigInteger, CheckConstraint("reserved >= 0", name="stock_reserved"), nullable=False),
)
RESERVATIONS: Final = Table("reservations", METADATA, Column("order_id", Text, primary_key=True))
RESERVED_LINES: Final = Table(
    "reserved_lines",
    METADATA,
    Column("order_id", Text, ForeignKey("reservations.order_id"), primary_key=True),
    Column("sku", Text, ForeignKey("stock.sku"), primary_key=True),
    Column("quantity", Integer, CheckConstraint("quantity > 0", name="reserved_lines_quantity"), nullable=False),
)

_OPEN_RESERVATION: Final = insert(RESERVATIONS)
_KEEP_LINES: Final = insert(RESERVED_LINES)
# In the order of the skus, so that two orders for the same products never wait for each other (a deadlock).
_LOCK_STOCK: Final = (
    select(STOCK).where(STOCK.c.sku.in_(bindparam("skus", expanding=True))).order_by(STOCK.c.sku).with_for_update()
)
_SET_STOCK: Final = (
    update(STOCK)
    .where(STOCK.c.sku == bindparam("its_sku"))
    .values(available=bindparam("now_available"), reserved=bindparam("now_reserved"))
)
_SHOW_STOCK: Final = select(STOCK).where(STOCK.c.sku == bindparam("sku"))
_DROP_LINES: Final = (
    delete(RESERVED_LINES)
    .where(RESERVED_LINES.c.order_id == bindparam("order_id"))
    .returning(RESERVED_LINES.c.sku, RESERVED_LINES.c.quantity)
)
_CLOSE_RESERVATION: Final = delete(RESERVATIONS).where(RESERVATIONS.c.order_id == bindparam("order_id"))


def reserve(connection: Connection, order_id: str, wanted: Mapping[str, int]) -> list[Stock]:
    """Reserve the wanted quantities (by sku) for an order, all or none.

    Returns:
        the stock of each product after the reservation, in the order of ``wanted``.

    Raises:
        Rejection: OUT_OF_STOCK, SKU_UNKNOWN or ORDER_ALREADY_RESERVED.
    """
    try:
        connection.execute(_OPEN_RESERVATION, {"order_id": order_id})
    except IntegrityError as error:
        raise Rejection(
            "ORDER_ALREADY_RESERVED", f"order {order_id} has a reservation", metadata={"order_id": order_id}
        ) from error
    reserved = reserve_all(_locked(connection, wanted), wanted)
    _write(connection, reserved)
    lines = [{"order_id": order_id, "sku": sku, "quantity": quantity} for sku, quantity in wanted.items()]
    connection.execute(_KEEP_LINES, lines)
    return reserved


def release(connection: Connection, order_id: str) -> None:
    """Give an order's reservation back to the stock; do nothing where there is none."""
    released = {row.sku: row.quantity for row in connection.execute(_DROP_LINES, {"order_id": order_id})}
    if released:
        stock = _locked(connection, released)
        _write(connection, [stock[sku].release(quantity) for sku, quantity in released.items()])
        connection.execute(_CLOSE_RESERVATION, {"order_id": order_id})


def show(connection: Connection, sku: str) -> Stock:
    """The stock of one product.

    Raises:
        Rejection: SKU_UNKNOWN.
    """
    row = connection.execute(_SHOW_STOCK, {"sku": sku}).one_or_none()
    return known(sku, None if row is None else _stock(row))


def _locked(connection: Connection, wanted: Mapping[str, int]) -> dict[str, Stock]:
    return {row[0]: _stock(row) for row in connection.execute(_LOCK_STOCK, {"skus": list(wanted)})}


def _write(connection: Connection, stock: list[Stock]) -> None:
    rows = [{"its_sku": one.sku, "now_available": one.available, "now_reserved": one.reserved} for one in stock]
    connection.execute(_SET_STOCK, rows)


def _stock(row: Row[str, str, int, int]) -> Stock:
    return Stock(*row)
