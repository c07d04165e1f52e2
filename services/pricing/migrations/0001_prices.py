"""The price list, the coupons and the taxes of the first day."""

from decimal import Decimal

import sqlalchemy as sa
from alembic import op

revision = "pricing_0001"
down_revision = None
branch_labels = ("pricing",)
depends_on = None

_PRICES = (
    ("MUG-BLUE", 9_50),
    ("TEE-M", 24_00),
    ("BOOK-SAGA", 39_90),
    ("LAMP-DESK", 59_00),
    ("CHAIR-OAK", 189_00),
    ("PIANO-GRAND", 18_900_00),
)
_SOLD_IN_QUANTITY = ("MUG-BLUE", "TEE-M", "BOOK-SAGA")
_BREAKS = ((10, 5_00), (50, 10_00))
# Instants are in microseconds since the epoch.
_START_OF_2020 = 1_577_836_800_000_000
_COUPONS = (
    ("WELCOME10", 10_00, 0, None),
    ("FIVER", 0, 5_00, None),
    ("EXPIRED", 20_00, 0, _START_OF_2020),
)
# Standard rates of value added tax; any other country is an export and not taxed.
_TAXES = (
    "AT 20.0, BE 21.0, BG 20.0, CH 8.1, CY 19.0, CZ 21.0, DE 19.0, DK 25.0, EE 24.0, ES 21.0, FI 25.5, FR 20.0, "
    "GB 20.0, GR 24.0, HR 25.0, HU 27.0, IE 23.0, IT 22.0, LT 21.0, LU 17.0, LV 21.0, MT 18.0, NL 21.0, NO 25.0, "
    "PL 23.0, PT 23.0, RO 21.0, SE 25.0, SI 22.0, SK 23.0, US 0.0"
)


def upgrade() -> None:
    """Create the tables and fill them."""
    prices = op.create_table(
        "prices",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("cents", sa.BigInteger, nullable=False),
        sa.CheckConstraint("cents >= 0", name="prices_cents"),
    )
    breaks = op.create_table(
        "quantity_breaks",
        sa.Column("sku", sa.Text, sa.ForeignKey("prices.sku"), primary_key=True),
        sa.Column("min_quantity", sa.Integer, primary_key=True),
        sa.Column("basis_points", sa.Integer, nullable=False),
        sa.CheckConstraint("min_quantity > 0", name="breaks_quantity"),
        sa.CheckConstraint("basis_points BETWEEN 0 AND 10000", name="breaks_basis_points"),
    )
    coupons = op.create_table(
        "coupons",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("basis_points", sa.Integer, nullable=False),
        sa.Column("cents", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.CheckConstraint("cents >= 0", name="coupons_cents"),
        sa.CheckConstraint("basis_points BETWEEN 0 AND 10000", name="coupons_basis_points"),
    )
    taxes = op.create_table(
        "taxes",
        sa.Column("country", sa.Text, primary_key=True),
        sa.Column("basis_points", sa.Integer, nullable=False),
        sa.CheckConstraint("basis_points >= 0", name="taxes_basis_points"),
    )
    _fill(prices, breaks, coupons, taxes)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("taxes", "coupons", "quantity_breaks", "prices"):
        op.drop_table(table)


def _fill(prices: sa.Table, breaks: sa.Table, coupons: sa.Table, taxes: sa.Table) -> None:
    op.bulk_insert(prices, [{"sku": sku, "cents": cents} for sku, cents in _PRICES])
    op.bulk_insert(
        breaks,
        [
            {"sku": sku, "min_quantity": min_quantity, "basis_points": basis_points}
            for sku in _SOLD_IN_QUANTITY
            for min_quantity, basis_points in _BREAKS
        ],
    )
    op.bulk_insert(
        coupons,
        [
            {"code": code, "basis_points": basis_points, "cents": cents, "expires_at": expires_at}
            for code, basis_points, cents, expires_at in _COUPONS
        ],
    )
    rates = (listed.split() for listed in _TAXES.split(","))
    op.bulk_insert(taxes, [{"country": country, "basis_points": int(Decimal(rate) * 100)} for country, rate in rates])
