"""The tables of a gallery, the same in SQLite and in PostgreSQL."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Column,
    Dialect,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeDecorator, TypeEngine

VERSION = "0003"
"""The newest in ``migrations/versions``: what this contravox reads and writes."""

VERSION_TABLE = "contravox_gallery_version"


class _AsBytes(ColumnElement[Any]):
    """A vector as bytes. PostgreSQL would send it as text, which takes twenty times as long."""

    inherit_cache = True

    def __init__(self, column: ColumnElement, type_: "Vector") -> None:
        self.column = column
        self.type = type_


@compiles(_AsBytes)
def _as_it_is(element: _AsBytes, compiler: SQLCompiler, **how: Any) -> str:
    return compiler.process(element.column, **how)


@compiles(_AsBytes, "postgresql")
def _sent(element: _AsBytes, compiler: SQLCompiler, **how: Any) -> str:
    return f"vector_send({compiler.process(element.column, **how)})"


class Vector(TypeDecorator[NDArray[np.float32]]):
    """(d,) float32.

    Bytes in SQLite; in PostgreSQL pgvector's ``vector``, for other programs' queries and indexes
    too.
    """

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != "postgresql":
            return LargeBinary()
        from pgvector.sqlalchemy import Vector as PostgresVector

        return PostgresVector()

    def process_bind_param(self, value: NDArray[np.float32] | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return np.ascontiguousarray(value, "<f4").tobytes()

    def column_expression(self, column: ColumnElement) -> ColumnElement:
        return _AsBytes(column, self)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], NDArray[np.float32]]:
        """Of bytes, which pgvector's own does not expect."""
        if dialect.name == "postgresql":
            # Two bytes that count the numbers, two without meaning, and the numbers, big end first.
            return lambda value: np.frombuffer(value, ">f4", offset=4).astype(np.float32)
        return _from_bytes


def _from_bytes(value: object) -> NDArray[np.float32]:
    """A damaged or foreign file may hold anything; nothing is a vector of no numbers."""
    if not isinstance(value, bytes) or len(value) % 4:
        return np.empty(0, np.float32)
    return np.frombuffer(value, "<f4").astype(np.float32)


metadata = MetaData()

# Names are compared byte by byte everywhere, not by the rules of some country.
_Name = Text().with_variant(Text(collation="C"), "postgresql")
_Moment = String(32)
"""UTC, as 2026-11-26T22:14:43Z."""

galleries = Table(
    "contravox_gallery",
    metadata,
    Column("id", Integer, primary_key=True, doc="1: there is one"),
    Column("created", _Moment, nullable=False),
    Column("settings", Text, nullable=False, doc="GallerySettings as JSON"),
    Column("model", String(64), doc="the model's digest; none before the first voiceprint"),
    Column("embedding_size", Integer),
)

speakers = Table(
    "speakers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", _Name, nullable=False, unique=True),
    Column("created", _Moment, nullable=False),
    # A number is never given again: the log of changes names speakers by it.
    sqlite_autoincrement=True,
)

voiceprints = Table(
    "voiceprints",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "speaker",
        Integer,
        ForeignKey("speakers.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("created", _Moment, nullable=False),
    Column("model", String(64), nullable=False),
    Column("vector", Vector, nullable=False, doc="(d,) as the model gave it, not normalised"),
    Column("seconds", Float, nullable=False),
    Column("speech_seconds", Float, nullable=False),
    Column("bandwidth", Float, nullable=False, doc="Hz; 0: not known"),
    sqlite_autoincrement=True,
)

recordings = Table(
    "recordings",
    metadata,
    Column(
        "voiceprint",
        Integer,
        ForeignKey("voiceprints.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("flac", LargeBinary, nullable=False, doc="mono at 16 kHz, 16 bits"),
)

cohort = Table(
    "cohort",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("vector", Vector, nullable=False, doc="(d,) of length 1, a speaker nobody enrolls"),
)

changes = Table(
    "changes",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", _Moment, nullable=False),
    Column("by", Text, nullable=False, doc="who asked for it"),
    Column("action", String(32), nullable=False),
    Column("speaker", Integer, doc="number of the speaker, who may be gone"),
    Column("voiceprints", Integer, nullable=False, doc="how many came or went"),
    sqlite_autoincrement=True,
)
