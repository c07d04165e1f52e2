"""The carriers of the first day, and the shipments."""

import sqlalchemy as sa
from alembic import op

revision = "shipping_0001"
down_revision = None
branch_labels = ("shipping",)
depends_on = None

_EUROPEAN_UNION = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
_CARRIERS = (
    # Name, prefix, countries (None: worldwide), price steps: up to so many grams, cents.
    ("Swift Post", "SP", _EUROPEAN_UNION, ((1_000, 4_90), (2_000, 6_90), (5_000, 8_90))),
    ("Blue Parcel", "BP", f"{_EUROPEAN_UNION} CH GB", ((2_000, 7_90), (10_000, 12_90), (31_500, 19_90))),
    ("Ocean Freight", "OF", None, ((5_000, 39_00), (50_000, 129_00), (200_000, 349_00))),
)


def upgrade() -> None:
    """Create the tables and insert the carriers."""
    carriers = op.create_table(
        "carriers",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("prefix", sa.Text, nullable=False, unique=True),
        sa.Column("worldwide", sa.Boolean, nullable=False),
    )
    countries = op.create_table(
        "carrier_countries",
        sa.Column("carrier", sa.Text, sa.ForeignKey("carriers.name"), primary_key=True),
        sa.Column("country", sa.Text, primary_key=True),
    )
    steps = op.create_table(
        "price_steps",
        sa.Column("carrier", sa.Text, sa.ForeignKey("carriers.name"), primary_key=True),
        sa.Column("up_to_grams", sa.BigInteger, primary_key=True),
        sa.Column("cents", sa.BigInteger, nullable=False),
        sa.CheckConstraint("cents >= 0", name="price_steps_cents"),
        sa.CheckConstraint("up_to_grams > 0", name="price_steps_up_to_grams"),
    )
    op.create_table(
        "shipments",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("shipment_id", sa.Text, nullable=False, unique=True),
        sa.Column("carrier", sa.Text, sa.ForeignKey("carriers.name"), nullable=False),
        sa.Column("tracking_number", sa.Text, nullable=False),
        sa.Column("cents", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("arranged_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("cents >= 0", name="shipments_cents"),
        sa.CheckConstraint("state IN ('arranged', 'cancelled')", name="shipments_state"),
    )
    _fill(carriers, countries, steps)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("shipments", "price_steps", "carrier_countries", "carriers"):
        op.drop_table(table)


def _fill(carriers: sa.Table, countries: sa.Table, steps: sa.Table) -> None:
    for name, prefix, served, charged in _CARRIERS:
        op.bulk_insert(carriers, [{"name": name, "prefix": prefix, "worldwide": served is None}])
        op.bulk_insert(countries, [{"carrier": name, "country": country} for country in (served or "").split()])
        op.bulk_insert(
            steps, [{"carrier": name, "up_to_grams": up_to_grams, "cents": cents} for up_to_grams, cents in charged]
        )
