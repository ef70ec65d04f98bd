"""The registry of replicas names the lock that each of them holds. Rows of older versions have none."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("replicas", sa.Column("presence_lock", sa.Integer(), nullable=True))
