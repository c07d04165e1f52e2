"""The catalogue, with what the shop sells on the first day, and the order records."""

import sqlalchemy as sa
from alembic import op

revision = "product_0001"
down_revision = None
branch_labels = ("product",)
depends_on = None

_CENT = 10_000_000

_FIRST_DAY = (
    ("MUG-BLUE", "Blue mug", 950 * _CENT, 350),
    ("TEE-M", "T-shirt, M", 2_400 * _CENT, 180),
    ("BOOK-SAGA", "Sagas, explained", 3_990 * _CENT, 720),
    ("LAMP-DESK", "Desk lamp", 5_900 * _CENT, 2_100),
    ("CHAIR-OAK", "Oak chair", 18_900 * _CENT, 9_500),
    ("PIANO-GRAND", "Grand piano", 1_890_000 * _CENT, 480_000),
)


def upgrade() -> None:
    """Create the tables and fill the catalogue."""
    products = op.create_table(
        "products",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("list_price_nanos", sa.BigInteger, nullable=False),
        sa.Column("weight_grams", sa.Integer, nullable=False),
        sa.CheckConstraint("list_price_nanos >= 0", name="products_list_price"),
        sa.CheckConstraint("weight_grams > 0", name="products_weight"),
    )
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("list_total_nanos", sa.BigInteger, nullable=False),
        sa.Column("weight_grams", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.CheckConstraint("state IN ('recorded', 'cancelled')", name="orders_state"),
    )
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Text, sa.ForeignKey("orders.order_id"), primary_key=True),
        sa.Column("line_number", sa.Integer, primary_key=True),
        sa.Column("sku", sa.Text, sa.ForeignKey("products.sku"), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.CheckConstraint("quantity > 0", name="order_lines_quantity"),
    )
    columns = ("sku", "name", "list_price_nanos", "weight_grams")
    op.bulk_insert(products, [dict(zip(columns, row, strict=True)) for row in _FIRST_DAY])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("order_lines")
    op.drop_table("orders")
    op.drop_table("products")
