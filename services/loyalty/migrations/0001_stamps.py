"""The members' stamps."""

import sqlalchemy as sa
from alembic import op

revision = "loyalty_0001"
down_revision = None
branch_labels = ("loyalty",)
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "stamps",
        sa.Column("customer_id", sa.Text, primary_key=True),
        sa.Column("stamps", sa.BigInteger, nullable=False),
        sa.CheckConstraint("stamps > 0", name="stamps_stamps"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("stamps")
