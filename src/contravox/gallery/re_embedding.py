"""A gallery from one model to another, by the recordings that it kept."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from contravox.embedding_model import EmbeddingModel
from contravox.errors import GalleryError, GalleryUnavailableError
from contravox.gallery.changes import last_change, note_change
from contravox.gallery.database import Database
from contravox.gallery.storing import forget_decision
from contravox.gallery.tables import cohort, galleries, recordings, speakers, voiceprints
from contravox.inference.voiceprint import take_voiceprint

BLOCK = 100
"""Recordings that are held at a time."""


def re_embed(
    database: Database,
    model: EmbeddingModel,
    by: str,
    *,
    drop: bool,
    progress: Callable[[int, int], None],
) -> int:
    """Embed every recording that is kept by another model, and put that in place of the first.

    All voiceprints change at one moment, or none; a cohort and what the gallery decides by are
    forgotten. By the gallery's own model recordings are only embedded anew, and nothing is
    forgotten or deleted.

    drop: delete voiceprints without a recording, and speakers without voiceprints, where they are
    refused otherwise.

    Returns how many voiceprints there are now. Raises GalleryError where recordings are missing,
    GalleryUnavailableError where somebody else changed the gallery meanwhile.
    """
    with database.reading() as connection:
        before = last_change(connection)
        total = connection.execute(select(func.count()).select_from(voiceprints)).scalar_one()
        kept = select(recordings.c.voiceprint).order_by(recordings.c.voiceprint)
        numbers = list(connection.execute(kept).scalars())
        other = connection.execute(select(galleries.c.model)).scalar() != model.digest
    if other and len(numbers) < total and not drop:
        raise GalleryError(
            f"{database.name}: {total - len(numbers):,} of {total:,} voiceprints have no recording "
            "to embed: enrol them anew in another gallery, or pass --drop to delete them"
        )
    embedded = _embedded(database, model, numbers, progress)
    with database.writing() as connection:
        if last_change(connection) != before:
            raise GalleryUnavailableError(
                f"{database.name}: was changed while it was embedded, and is as before: try again"
            )
        if other:
            _forget_first_model(connection, database.name)
            size = model.embedding_size if embedded else None
            digest = model.digest if embedded else None
            connection.execute(update(galleries).values(model=digest, embedding_size=size))
        if embedded:
            connection.execute(
                update(voiceprints)
                .where(voiceprints.c.id == bindparam("number"))
                .values(
                    model=model.digest,
                    vector=bindparam("new"),
                    bandwidth=bindparam("heard"),
                ),
                embedded,
            )
        note_change(connection, by, "re-embedded", None, len(embedded))
    database.erase()
    return len(embedded) if other else total


def _forget_first_model(connection: Connection, name: str) -> None:
    """Let go what no recording is kept of, the cohort, and what decided by the first's scores."""
    without = ~voiceprints.c.id.in_(select(recordings.c.voiceprint))
    connection.execute(delete(voiceprints).where(without))
    connection.execute(delete(speakers).where(~speakers.c.id.in_(select(voiceprints.c.speaker))))
    connection.execute(delete(cohort))
    forget_decision(connection, name)


def _embedded(
    database: Database,
    model: EmbeddingModel,
    numbers: Sequence[int],
    progress: Callable[[int, int], None],
) -> list[dict[str, Any]]:
    """The recordings of voiceprints by their numbers, embedded: each number and new vector."""
    embedded: list[dict[str, Any]] = []
    for start in range(0, len(numbers), BLOCK):
        part = numbers[start : start + BLOCK]
        with database.reading() as connection:
            rows = connection.execute(
                select(recordings).where(recordings.c.voiceprint.in_(part))
            ).all()
        for row in rows:
            name = f"recording of voiceprint {row.voiceprint}"
            # It was taken when it was enrolled; what is thought of it now refuses none.
            taken = take_voiceprint(model, row.flac, name, allow_unfit=True)
            heard = taken.quality.bandwidth
            embedded.append({"number": row.voiceprint, "new": taken.vector, "heard": heard})
        progress(len(embedded), len(numbers))
    return embedded
