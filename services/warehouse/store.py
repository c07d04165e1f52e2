"""The pick lists, in SQL."""

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    select,
)
from sqlalchemy import insert as plain_insert

# SQLite writes ON CONFLICT DO NOTHING as PostgreSQL does, and RETURNING tells both whether there was a conflict.
from sqlalchemy.dialects.postgresql import insert

from services.warehouse.domain import PickLine, PickList

METADATA: Final = MetaData()

PICK_LISTS: Final = Table(
    "pick_lists",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("pick_list_id", Text, nullable=False, unique=True),
    Column("tracking_number", Text, nullable=False),
)
PICK_LINES: Final = Table(
    "pick_lines",
    METADATA,
    Column("order_id", Text, ForeignKey("pick_lists.order_id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("sku", Text, nullable=False),
    Column("quantity", Integer, CheckConstraint("quantity > 0", name="pick_lines_quantity"), nullable=False),
    Column("bin", Text, nullable=False),
)

_KEEP: Final = insert(PICK_LISTS).on_conflict_do_nothing().returning(PICK_LISTS.c.order_id)
_KEEP_LINES: Final = plain_insert(PICK_LINES)
_ID_OF: Final = select(PICK_LISTS.c.pick_list_id).where(PICK_LISTS.c.order_id == bindparam("order_id"))
_LINES_OF: Final = (
    select(PICK_LINES.c.sku, PICK_LINES.c.quantity, PICK_LINES.c.bin)
    .where(PICK_LINES.c.order_id == bindparam("order_id"))
    .order_by(PICK_LINES.c.position)
)


def keep(connection: Connection, order_id: str, tracking_number: str, pick_list: PickList) -> PickList:
    """Record an order's pick list, unless the order has one.

    Returns:
        the pick list that the order has now.
    """
    row = {"order_id": order_id, "pick_list_id": pick_list.pick_list_id, "tracking_number": tracking_number}
    if connection.execute(_KEEP, row).one_or_none() is None:
        return _find(connection, order_id)
    rows = [
        {"order_id": order_id, "position": position, "sku": line.sku, "quantity": line.quantity, "bin": line.bin}
        for position, line in enumerate(pick_list.lines)
    ]
    connection.execute(_KEEP_LINES, rows)
    return pick_list


def _find(connection: Connection, order_id: str) -> PickList:
    rows = connection.execute(_LINES_OF, {"order_id": order_id})
    pick_list_id = connection.execute(_ID_OF, {"order_id": order_id}).scalar_one()
    return PickList(pick_list_id, tuple(PickLine(sku, quantity, shelf) for sku, quantity, shelf in rows))
