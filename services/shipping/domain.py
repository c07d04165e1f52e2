"""The rules of shipments: which carrier takes a parcel, and at what price.

A carrier serves some countries, or all of them, and charges by price steps: a step holds up to its weight,
and the heaviest step is the carrier's limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from services.chassis.errors import Rejection

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from decimal import Decimal


class ShipmentState(StrEnum):
    """The state of a shipment: ``arranged`` becomes ``cancelled`` and stays so."""

    ARRANGED = "arranged"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class PriceStep:
    """A parcel of at most ``up_to_grams`` costs ``cost``."""

    up_to_grams: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Carrier:
    """A company that carries parcels.

    Attributes:
        name: its name, unique.
        prefix: what its tracking numbers begin with.
        countries: where it delivers, ISO 3166-1 alpha-2; ``None`` for everywhere.
        steps: what it charges, in any order.
    """

    name: str
    prefix: str
    countries: frozenset[str] | None
    steps: tuple[PriceStep, ...]

    def cost(self, country: str, weight_grams: int) -> Decimal | None:
        """What the carrier charges, or ``None`` when it does not take that weight to that country."""
        if self.countries is not None and country not in self.countries:
            return None
        return min((step.cost for step in self.steps if weight_grams <= step.up_to_grams), default=None)


@dataclass(frozen=True, slots=True)
class Quote:
    """A carrier and what it charges for one parcel."""

    carrier: Carrier
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel on its way.

    Attributes:
        shipment_id: its identity.
        order_id: the identity of its order, which has no other shipment.
        carrier: the name of the carrier.
        tracking_number: the carrier's number of it.
        cost: what the carrier charges the shop, in euros.
        state: its state.
        arranged_at: when it was arranged, aware.
    """

    shipment_id: str
    order_id: str
    carrier: str
    tracking_number: str
    cost: Decimal
    state: ShipmentState
    arranged_at: datetime


def cheapest_quote(carriers: Iterable[Carrier], country: str, weight_grams: int) -> Quote:
    """The cheapest offer, the first name among equals.

    Raises:
        Rejection: NO_CARRIER, when none takes that weight to that country.
    """
    costs = ((carrier, carrier.cost(country, weight_grams)) for carrier in carriers)
    quotes = [Quote(carrier, cost) for carrier, cost in costs if cost is not None]
    if not quotes:
        raise Rejection(
            "NO_CARRIER",
            f"no carrier takes {weight_grams} g to {country}",
            metadata={"country": country, "weight_grams": weight_grams},
        )
    return min(quotes, key=lambda quote: (quote.cost, quote.carrier.name))


def arrange(order_id: str, quote: Quote, at: datetime) -> Shipment:
    """The shipment of an order with the carrier of ``quote``; its identities follow from the order's."""
    identity = shipment_id(order_id)
    return Shipment(
        shipment_id=identity,
        order_id=order_id,
        carrier=quote.carrier.name,
        tracking_number=tracking_number(quote.carrier.prefix, identity),
        cost=quote.cost,
        state=ShipmentState.ARRANGED,
        arranged_at=at,
    )


def shipment_id(order_id: str) -> str:
    """The identity of an order's shipment: the same for the same order, ``shp_`` and 24 hexadecimal digits."""
    return f"shp_{sha256(order_id.encode()).hexdigest()[:24]}"


def tracking_number(prefix: str, shipment_id: str) -> str:
    """The carrier's number of a shipment: the same for the same shipment, ``prefix`` and 16 decimal digits."""
    number = int(sha256(shipment_id.encode()).hexdigest(), 16) % 10**16
    return f"{prefix}{number:016d}"
