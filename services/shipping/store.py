"""The carriers and the shipments, in SQL. Costs are in cents of a euro."""

from collections import defaultdict
from decimal import Decimal
from typing import Final

import grpc
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    MetaData,
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
from services.shipping.domain import Carrier, PriceStep, Shipment, ShipmentState

METADATA: Final = MetaData()

CARRIERS: Final = Table(
    "carriers",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("prefix", Text, nullable=False, unique=True),
    Column("worldwide", Boolean, nullable=False),
)
CARRIER_COUNTRIES: Final = Table(
    "carrier_countries",
    METADATA,
    Column("carrier", Text, ForeignKey("carriers.name"), primary_key=True),
    Column("country", Text, primary_key=True),
)
PRICE_STEPS: Final = Table(
    "price_steps",
    METADATA,
    Column("carrier", Text, ForeignKey("carriers.name"), primary_key=True),
    Column("up_to_grams", BigInteger, primary_key=True),
    Column("cents", BigInteger, CheckConstraint("cents >= 0", name="price_steps_cents"), nullable=False),
    CheckConstraint("up_to_grams > 0", name="price_steps_up_to_grams"),
)
SHIPMENTS: Final = Table(
    "shipments",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("shipment_id", Text, nullable=False, unique=True),
    Column("carrier", Text, ForeignKey("carriers.name"), nullable=False),
    Column("tracking_number", Text, nullable=False),
    Column("cents", BigInteger, CheckConstraint("cents >= 0", name="shipments_cents"), nullable=False),
    Column("state", Text, nullable=False),
    Column("arranged_at", Instant, nullable=False),
    CheckConstraint("state IN ('arranged', 'cancelled')", name="shipments_state"),
)

_CARRIERS: Final = select(CARRIERS)
_COUNTRIES: Final = select(CARRIER_COUNTRIES.c.carrier, CARRIER_COUNTRIES.c.country)
_STEPS: Final = select(PRICE_STEPS.c.carrier, PRICE_STEPS.c.up_to_grams, PRICE_STEPS.c.cents)
_KEEP: Final = insert(SHIPMENTS)
_CANCEL: Final = (
    update(SHIPMENTS)
    .where(SHIPMENTS.c.order_id == bindparam("its_order_id"))
    .values(state=ShipmentState.CANCELLED.value)
)
_SHOW: Final = select(SHIPMENTS).where(SHIPMENTS.c.order_id == bindparam("order_id"))


def carriers(connection: Connection) -> list[Carrier]:
    """All carriers, with their countries and price steps."""
    countries: dict[str, set[str]] = defaultdict(set)
    for carrier, country in connection.execute(_COUNTRIES):
        countries[carrier].add(country)
    steps: dict[str, list[PriceStep]] = defaultdict(list)
    for carrier, up_to_grams, cents in connection.execute(_STEPS):
        steps[carrier].append(PriceStep(up_to_grams, _euros(cents)))
    return [
        Carrier(name, prefix, None if worldwide else frozenset(countries[name]), tuple(steps[name]))
        for name, prefix, worldwide in connection.execute(_CARRIERS)
    ]


def keep(connection: Connection, shipment: Shipment) -> None:
    """Record a new shipment.

    Raises:
        Rejection: SHIPMENT_ALREADY_ARRANGED; the order has a shipment, which may be a cancelled one.
    """
    row = {
        "order_id": shipment.order_id,
        "shipment_id": shipment.shipment_id,
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "cents": int(shipment.cost.scaleb(2)),
        "state": shipment.state.value,
        "arranged_at": shipment.arranged_at,
    }
    try:
        connection.execute(_KEEP, row)
    except IntegrityError as error:
        raise Rejection(
            "SHIPMENT_ALREADY_ARRANGED",
            f"order {shipment.order_id} has a shipment",
            metadata={"order_id": shipment.order_id},
        ) from error


def cancel(connection: Connection, order_id: str) -> None:
    """Mark an order's shipment as cancelled; do nothing where there is none."""
    connection.execute(_CANCEL, {"its_order_id": order_id})


def show(connection: Connection, order_id: str) -> Shipment:
    """The shipment of an order.

    Raises:
        Rejection: SHIPMENT_UNKNOWN.
    """
    row = connection.execute(_SHOW, {"order_id": order_id}).one_or_none()
    if row is None:
        raise Rejection(
            "SHIPMENT_UNKNOWN",
            f"order {order_id} has no shipment",
            code=grpc.StatusCode.NOT_FOUND,
            metadata={"order_id": order_id},
        )
    return Shipment(
        shipment_id=row.shipment_id,
        order_id=row.order_id,
        carrier=row.carrier,
        tracking_number=row.tracking_number,
        cost=_euros(row.cents),
        state=ShipmentState(row.state),
        arranged_at=row.arranged_at,
    )


def _euros(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)
