"""The payments, and the ledger as movements between accounts."""

import sqlalchemy as sa
from alembic import op

revision = "payment_0001"
down_revision = None
branch_labels = ("payment",)
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.Text, primary_key=True),
        sa.Column("order_id", sa.Text, nullable=False, unique=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("amount_nanos", sa.BigInteger, nullable=False),
        sa.Column("authorized_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("state IN ('authorized', 'captured', 'voided')", name="payments_state"),
        sa.CheckConstraint("amount_nanos > 0", name="payments_amount"),
    )
    op.create_table(
        "bookings",
        sa.Column("payment_id", sa.Text, sa.ForeignKey("payments.payment_id"), primary_key=True),
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("debit_account", sa.Text, nullable=False),
        sa.Column("credit_account", sa.Text, nullable=False),
        sa.Column("amount_nanos", sa.BigInteger, nullable=False),
        sa.Column("booked_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("purpose IN ('authorize', 'void', 'capture', 'remainder')", name="bookings_purpose"),
        sa.CheckConstraint("amount_nanos > 0", name="bookings_amount"),
        sa.CheckConstraint("debit_account <> credit_account", name="bookings_two_accounts"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("bookings")
    op.drop_table("payments")
