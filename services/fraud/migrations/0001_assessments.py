"""The assessments."""

import sqlalchemy as sa
from alembic import op

revision = "fraud_0001"
down_revision = None
branch_labels = ("fraud",)
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "assessments",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("assessed_at", sa.BigInteger, nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name="assessments_score"),
    )
    op.create_index("assessments_by_customer", "assessments", ["customer_id", "assessed_at"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("assessments")
