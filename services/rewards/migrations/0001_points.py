"""The members' balances and the credits behind them."""

import sqlalchemy as sa
from alembic import op

revision = "rewards_0001"
down_revision = None
branch_labels = ("rewards",)
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "balances",
        sa.Column("customer_id", sa.Text, primary_key=True),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.CheckConstraint("points >= 0", name="balances_points"),
    )
    op.create_table(
        "credits",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, sa.ForeignKey("balances.customer_id"), nullable=False),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.CheckConstraint("points >= 0", name="credits_points"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("credits")
    op.drop_table("balances")
