"""The guard's records: which command, and what it was answered."""

import sqlalchemy as sa
from alembic import op

revision = "guard_0001"
down_revision = None
branch_labels = ("guard",)
depends_on = None


def upgrade() -> None:
    """Create the guard's table."""
    op.create_table(
        "guard",
        sa.Column("idempotency_key", sa.Text, primary_key=True),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("request_digest", sa.LargeBinary),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("outcome IN ('completed', 'rejected', 'compensated')", name="guard_outcome"),
        sa.CheckConstraint(
            "(outcome = 'compensated') = (request_digest IS NULL) AND (outcome = 'compensated') = (answer IS NULL)",
            name="guard_tombstone_has_no_answer",
        ),
    )


def downgrade() -> None:
    """Drop the guard's table."""
    op.drop_table("guard")
