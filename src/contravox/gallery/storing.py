"""Speakers and voiceprints written to a gallery, within a transaction of the caller's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, insert, select, update

from contravox.errors import GalleryError
from contravox.gallery.changes import now
from contravox.gallery.failures import damaged
from contravox.gallery.settings import GallerySettings
from contravox.gallery.tables import galleries, recordings, speakers, voiceprints

LARGEST = 100_000
"""Numbers of a voiceprint."""

UNKNOWN = 0.0
"""Bandwidth of what an older contravox enrolled, which did not measure it."""


@dataclass(frozen=True)
class Stored:
    """A voiceprint as it is kept.

    vector: (d,) float32; bandwidth: of the recording, Hz, UNKNOWN where nobody measured it; flac:
    the recording, where it is kept.
    """

    vector: NDArray[np.float32]
    seconds: float
    speech_seconds: float
    bandwidth: float
    created: str
    flac: bytes | None = None


def claim_model(connection: Connection, name: str, model: str, size: int) -> None:
    """Let voiceprints of a model, of ``size`` numbers, into the gallery, if there are no others.

    name: of the database. Raises GalleryError.
    """
    row = connection.execute(select(galleries)).one()
    if row.model is None:
        connection.execute(update(galleries).values(model=model, embedding_size=size))
    elif row.model != model or row.embedding_size != size:
        raise other_model(name, row.model, model)


def vector_size(gallery: Row[Any], name: str) -> int:
    """Of how many numbers each voiceprint is, in a row of ``galleries`` that has some.

    name: of the database. Raises GalleryError for what contravox never writes.
    """
    size = gallery.embedding_size
    if not isinstance(size, int) or not 0 < size <= LARGEST:
        raise damaged(name, "it does not say of how many numbers a voiceprint is")
    return size


def other_model(name: str, kept: str, given: str) -> GalleryError:
    """What to raise for voiceprints of a model other than the one given, by fingerprints."""
    return GalleryError(
        f"{name}: its voiceprints are of the model {kept[:8]}…, not of this one, {given[:8]}…, and "
        "cannot be compared: use that model (--model), or bring the gallery to this one with "
        "`contravox gallery re-embed`"
    )


def read_settings(connection: Connection, name: str) -> GallerySettings:
    """The gallery's. name: of the database. Raises GalleryError."""
    try:
        kept = connection.execute(select(galleries.c.settings)).scalar()
        return GallerySettings.model_validate_json(kept or "")
    except ValueError as error:
        raise damaged(name, "its settings cannot be read") from error


def forget_decision(connection: Connection, name: str) -> bool:
    """Let the gallery's threshold and calibration go, as its scores become others.

    name: of the database. Returns whether there were any. Raises GalleryError.
    """
    settings = read_settings(connection, name)
    if settings.decides:
        kept = settings.for_other_scores().model_dump_json()
        connection.execute(update(galleries).values(settings=kept))
    return settings.decides


def find_speaker(connection: Connection, name: str) -> int | None:
    """The number of a speaker of a name in the form of ``speaker_name``."""
    return connection.execute(select(speakers.c.id).where(speakers.c.name == name)).scalar()


def add_speaker(connection: Connection, name: str, created: str | None = None) -> int:
    """Add one, of a name in the form of ``speaker_name``; gives their number."""
    values = {"name": name, "created": created or now()}
    [number] = connection.execute(insert(speakers).values(values)).inserted_primary_key or [None]
    return int(number)


def kept_vectors(
    connection: Connection, speaker: int | None
) -> tuple[list[NDArray[np.float32]], NDArray[np.float64], NDArray[np.float64]]:
    """The embeddings of a speaker, k of (d,), and seconds and bandwidth of their recordings, (k,).

    speaker: their number; of None there are none. A bandwidth that is not known is NaN.
    """
    columns = (voiceprints.c.vector, voiceprints.c.seconds, voiceprints.c.bandwidth)
    query = select(*columns).where(voiceprints.c.speaker == speaker).order_by(voiceprints.c.id)
    rows = connection.execute(query).all()
    seconds, bandwidths = (
        np.array([getattr(row, name) for row in rows], np.float64)
        for name in ("seconds", "bandwidth")
    )
    return [row.vector for row in rows], seconds, known_bandwidths(bandwidths)


def known_bandwidths(bandwidths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those (k,) that are kept, with NaN for what is not known."""
    return np.where(bandwidths == UNKNOWN, np.nan, bandwidths)


def add_voiceprints(
    connection: Connection, speaker: int, model: str, stored: Sequence[Stored]
) -> None:
    """Add voiceprints of a model to a speaker, by number, with the audio that is to be kept."""
    for each in stored:
        values = {"speaker": speaker, "created": each.created, "model": model}
        values |= {"vector": each.vector, "seconds": each.seconds}
        values |= {"speech_seconds": each.speech_seconds, "bandwidth": each.bandwidth}
        [number] = connection.execute(insert(voiceprints).values(values)).inserted_primary_key or [
            None
        ]
        if each.flac is not None:
            connection.execute(insert(recordings).values(voiceprint=number, flac=each.flac))
