"""The price list, the coupons and the taxes, in SQL. Prices are in cents of a euro, percentages in basis points."""

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal
from typing import Final

from sqlalchemy import (
    BigInteger,
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

from services.chassis.timestamps import Instant
from services.pricing.domain import Coupon, ListPrice, QuantityBreak

METADATA: Final = MetaData()

PRICES: Final = Table(
    "prices",
    METADATA,
    Column("sku", Text, primary_key=True),
    Column("cents", BigInteger, CheckConstraint("cents >= 0", name="prices_cents"), nullable=False),
)
QUANTITY_BREAKS: Final = Table(
    "quantity_breaks",
    METADATA,
    Column("sku", Text, ForeignKey("prices.sku"), primary_key=True),
    Column("min_quantity", Integer, CheckConstraint("min_quantity > 0", name="breaks_quantity"), primary_key=True),
    Column("basis_points", Integer, nullable=False),
    CheckConstraint("basis_points BETWEEN 0 AND 10000", name="breaks_basis_points"),
)
COUPONS: Final = Table(
    "coupons",
    METADATA,
    Column("code", Text, primary_key=True),
    Column("basis_points", Integer, nullable=False),
    Column("cents", BigInteger, CheckConstraint("cents >= 0", name="coupons_cents"), nullable=False),
    Column("expires_at", Instant),
    CheckConstraint("basis_points BETWEEN 0 AND 10000", name="coupons_basis_points"),
)
TAXES: Final = Table(
    "taxes",
    METADATA,
    Column("country", Text, primary_key=True),
    Column("basis_points", Integer, CheckConstraint("basis_points >= 0", name="taxes_basis_points"), nullable=False),
)

_PRICES_OF: Final = (
    select(PRICES.c.sku, PRICES.c.cents, QUANTITY_BREAKS.c.min_quantity, QUANTITY_BREAKS.c.basis_points)
    .outerjoin_from(PRICES, QUANTITY_BREAKS)
    .where(PRICES.c.sku.in_(bindparam("skus", expanding=True)))
)
_COUPONS_OF: Final = select(COUPONS).where(COUPONS.c.code.in_(bindparam("codes", expanding=True)))
_TAX_OF: Final = select(TAXES.c.basis_points).where(TAXES.c.country == bindparam("country"))


def price_list(connection: Connection, skus: Collection[str]) -> dict[str, ListPrice]:
    """The list prices of those of ``skus`` that have one, by sku."""
    cents_of: dict[str, int] = {}
    breaks_of: dict[str, list[QuantityBreak]] = defaultdict(list)
    for sku, cents, min_quantity, basis_points in connection.execute(_PRICES_OF, {"skus": list(skus)}):
        cents_of[sku] = cents
        if min_quantity is not None:
            breaks_of[sku].append(QuantityBreak(min_quantity, _hundredths(basis_points)))
    return {sku: ListPrice(_hundredths(cents), tuple(breaks_of[sku])) for sku, cents in cents_of.items()}


def coupons(connection: Connection, codes: Collection[str]) -> dict[str, Coupon]:
    """The coupons of those of ``codes`` that the shop knows, by code."""
    if not codes:
        return {}
    rows = connection.execute(_COUPONS_OF, {"codes": list(codes)})
    return {
        code: Coupon(code, _hundredths(basis_points), _hundredths(cents), expires_at)
        for code, basis_points, cents, expires_at in rows
    }


def tax_percent(connection: Connection, country: str) -> Decimal:
    """The tax of a country, such as 8.1; zero where none is listed, because an export is not taxed here."""
    return _hundredths(connection.execute(_TAX_OF, {"country": country}).scalar_one_or_none() or 0)


def _hundredths(count: int) -> Decimal:
    return Decimal(count).scaleb(-2)
