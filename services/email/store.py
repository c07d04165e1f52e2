"""Which confirmations were sent, in SQL, and where those go that nobody asks for: no address outlives its letter."""

from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, MetaData, Table, Text, bindparam, delete, select

# SQLite writes ON CONFLICT DO NOTHING as PostgreSQL does, and RETURNING tells both whether there was a conflict.
from sqlalchemy.dialects.postgresql import insert

from services.chassis.timestamps import Instant

METADATA: Final = MetaData()

CONFIRMATIONS: Final = Table(
    "confirmations",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
)
ADDRESSES: Final = Table(
    "addresses",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("address", Text, nullable=False),
)

_KEEP: Final = insert(CONFIRMATIONS).on_conflict_do_nothing().returning(CONFIRMATIONS.c.order_id)
_MESSAGE_ID: Final = select(CONFIRMATIONS.c.message_id).where(CONFIRMATIONS.c.order_id == bindparam("order_id"))

_KEEP_ADDRESS: Final = insert(ADDRESSES).on_conflict_do_nothing()
_ADDRESS: Final = select(ADDRESSES.c.address).where(ADDRESSES.c.order_id == bindparam("order_id"))
_FORGET_ADDRESS: Final = delete(ADDRESSES).where(ADDRESSES.c.order_id == bindparam("order_id"))


def keep(connection: Connection, order_id: str, message_id: str, at: datetime) -> bool:
    """Record that an order's confirmation is sent; false, changing nothing, where it was recorded before.

    Until the transaction ends, other transactions that record the same order wait for it.
    """
    row = {"order_id": order_id, "message_id": message_id, "sent_at": at}
    return connection.execute(_KEEP, row).one_or_none() is not None


def message_id(connection: Connection, order_id: str) -> str:
    """The Message-ID of an order's confirmation, which was recorded."""
    found: str = connection.execute(_MESSAGE_ID, {"order_id": order_id}).scalar_one()
    return found


def keep_address(connection: Connection, order_id: str, address: str) -> None:
    """Keep where the confirmation of an order goes."""
    connection.execute(_KEEP_ADDRESS, {"order_id": order_id, "address": address})


def address(connection: Connection, order_id: str) -> str | None:
    """Where the confirmation of an order goes; None where that is not kept."""
    found: str | None = connection.execute(_ADDRESS, {"order_id": order_id}).scalar_one_or_none()
    return found


def forget_address(connection: Connection, order_id: str) -> None:
    """Keep it no more."""
    connection.execute(_FORGET_ADDRESS, {"order_id": order_id})
