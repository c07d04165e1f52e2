"""The assessments, in SQL: each order once, with the answer that was given."""

from datetime import datetime
from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from services.chassis.errors import Unavailable
from services.chassis.timestamps import Instant
from services.fraud.domain import HIGH_VELOCITY, Assessment

METADATA: Final = MetaData()

ASSESSMENTS: Final = Table(
    "assessments",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("assessed_at", Instant, nullable=False),
    Column("score", Integer, CheckConstraint("score BETWEEN 0 AND 100", name="assessments_score"), nullable=False),
    Column("reasons", Text, nullable=False),
    Index("assessments_by_customer", "customer_id", "assessed_at"),
)

_FIND: Final = select(ASSESSMENTS.c.score, ASSESSMENTS.c.reasons).where(ASSESSMENTS.c.order_id == bindparam("order_id"))
_COUNT_RECENT: Final = select(func.count()).select_from(
    select(ASSESSMENTS.c.order_id)
    .where(ASSESSMENTS.c.customer_id == bindparam("customer_id"), ASSESSMENTS.c.assessed_at > bindparam("since"))
    .limit(HIGH_VELOCITY)
    .subquery()
)
_KEEP: Final = insert(ASSESSMENTS)


def find(connection: Connection, order_id: str) -> Assessment | None:
    """The answer that was given for an order before."""
    row = connection.execute(_FIND, {"order_id": order_id}).one_or_none()
    return None if row is None else Assessment(row.score, tuple(row.reasons.split()))


def recent_orders(connection: Connection, customer_id: str, *, since: datetime) -> int:
    """How many orders of a customer were assessed after ``since``, counted up to ``HIGH_VELOCITY``."""
    return connection.execute(_COUNT_RECENT, {"customer_id": customer_id, "since": since}).scalar_one()


def keep(
    connection: Connection, order_id: str, customer_id: str, assessed_at: datetime, assessment: Assessment
) -> None:
    """Remember an assessment.

    Raises:
        Unavailable: the same order was assessed at the same moment; the next attempt gets that answer.
    """
    row = {
        "order_id": order_id,
        "customer_id": customer_id,
        "assessed_at": assessed_at,
        "score": assessment.score,
        "reasons": " ".join(assessment.reasons),
    }
    try:
        connection.execute(_KEEP, row)
    except IntegrityError as error:
        raise Unavailable("the order is being assessed right now") from error
