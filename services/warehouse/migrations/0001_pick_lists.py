"""The pick lists."""

import sqlalchemy as sa
from alembic import op

revision = "warehouse_0001"
down_revision = None
branch_labels = ("warehouse",)
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "pick_lists",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("pick_list_id", sa.Text, nullable=False, unique=True),
        sa.Column("tracking_number", sa.Text, nullable=False),
    )
    op.create_table(
        "pick_lines",
        sa.Column("order_id", sa.Text, sa.ForeignKey("pick_lists.order_id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("bin", sa.Text, nullable=False),
        sa.CheckConstraint("quantity > 0", name="pick_lines_quantity"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("pick_lines")
    op.drop_table("pick_lists")
