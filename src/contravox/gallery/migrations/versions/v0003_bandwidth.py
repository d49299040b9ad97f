"""How high the speech of a voiceprint's recording reaches, at which calibration looks."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

UNKNOWN = "0"
"""Hz, of recordings enrolled before; `gallery re-embed` measures those that are kept."""


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "voiceprints", sa.Column("bandwidth", sa.Float, nullable=False, server_default=UNKNOWN)
    )
