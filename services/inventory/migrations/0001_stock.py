"""The stock, its reservations, and what lies on the shelves on the first day."""

import sqlalchemy as sa
from alembic import op

revision = "inventory_0001"
down_revision = None
branch_labels = ("inventory",)
depends_on = None

_FIRST_DAY = (
    ("MUG-BLUE", "A-01", 1_000_000),
    ("TEE-M", "A-02", 1_000_000),
    ("BOOK-SAGA", "B-01", 1_000_000),
    ("LAMP-DESK", "B-07", 500),
    ("CHAIR-OAK", "C-03", 100),
    ("PIANO-GRAND", "Z-01", 3),
)


def upgrade() -> None:
    """Create the tables and fill the shelves."""
    stock = op.create_table(
        "stock",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("bin", sa.Text, nullable=False),
        sa.Column("available", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.CheckConstraint("available >= 0", name="stock_available"),
        sa.CheckConstraint("reserved >= 0", name="stock_reserved"),
    )
    op.create_table("reservations", sa.Column("order_id", sa.Text, primary_key=True))
    op.create_table(
        "reserved_lines",
        sa.Column("order_id", sa.Text, sa.ForeignKey("reservations.order_id"), primary_key=True),
        sa.Column("sku", sa.Text, sa.ForeignKey("stock.sku"), primary_key=True),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.CheckConstraint("quantity > 0", name="reserved_lines_quantity"),
    )
    rows = [{"sku": sku, "bin": shelf, "available": count, "reserved": 0} for sku, shelf, count in _FIRST_DAY]
    op.bulk_insert(stock, rows)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("reserved_lines")
    op.drop_table("reservations")
    op.drop_table("stock")
