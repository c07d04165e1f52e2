"""The members' stamps, in SQL."""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Connection, MetaData, Table, Text, bindparam, select

# SQLite writes ON CONFLICT as PostgreSQL does.
from sqlalchemy.dialects.postgresql import insert

METADATA: Final = MetaData()

STAMPS: Final = Table(
    "stamps",
    METADATA,
    Column("customer_id", Text, primary_key=True),
    Column("stamps", BigInteger, CheckConstraint("stamps > 0", name="stamps_stamps"), nullable=False),
)

_STAMP: Final = (
    insert(STAMPS)
    .on_conflict_do_update(index_elements=["customer_id"], set_={"stamps": STAMPS.c.stamps + 1})
    .returning(STAMPS.c.stamps)
)
_STAMPS_OF: Final = select(STAMPS.c.stamps).where(STAMPS.c.customer_id == bindparam("customer_id"))


def stamp(connection: Connection, customer_id: str) -> int:
    """Give a member one more stamp; how many there are now."""
    stamps: int = connection.execute(_STAMP, {"customer_id": customer_id, "stamps": 1}).scalar_one()
    return stamps


def stamps_of(connection: Connection, customer_id: str) -> int:
    """How many stamps a member has."""
    stamps: int | None = connection.execute(_STAMPS_OF, {"customer_id": customer_id}).scalar_one_or_none()
    return stamps or 0
