"""The cohort by which scores are normalised."""

import sqlalchemy as sa
from alembic import op

from contravox.gallery.tables import Vector

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "cohort",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("vector", Vector, nullable=False),
    )
