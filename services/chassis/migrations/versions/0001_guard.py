"""The guard's records: which command, and what it was answered."""

from alembic import op

from orchestrator.participant import table_ddl

revision = "guard_0001"
down_revision = None
branch_labels = ("guard",)
depends_on = None


def upgrade() -> None:
    """Create the guard's table."""
    op.execute(table_ddl(op.get_bind().dialect.name))


def downgrade() -> None:
    """Drop the guard's table."""
    op.drop_table("guard")
