"""Speakers, their voiceprints and recordings, and the log of changes."""

import sqlalchemy as sa
from alembic import op

from contravox.gallery.tables import Vector

revision = "0001"
down_revision = None

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.create_table(
        "contravox_gallery",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("model", sa.String(64)),
        sa.Column("embedding_size", sa.Integer),
    )
    op.create_table(
        "speakers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("created", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "voiceprints",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "speaker",
            sa.Integer,
            sa.ForeignKey("speakers.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("vector", Vector, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("speech_seconds", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recordings",
        sa.Column(
            "voiceprint",
            sa.Integer,
            sa.ForeignKey("voiceprints.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("flac", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "changes",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("speaker", sa.Integer),
        sa.Column("voiceprints", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
