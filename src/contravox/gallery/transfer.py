"""Voiceprints from one gallery to another: an export is a gallery in a file of SQLite."""

import os
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, insert, select, update

from contravox.errors import GalleryError, OutputError
from contravox.files.writing import atomic_path
from contravox.gallery.changes import note_changes
from contravox.gallery.database import LOGS, Database
from contravox.gallery.failures import damaged
from contravox.gallery.names import speaker_name
from contravox.gallery.results import Transfer
from contravox.gallery.storing import (
    Stored,
    add_speaker,
    add_voiceprints,
    claim_model,
    find_speaker,
    kept_vectors,
    vector_size,
)
from contravox.gallery.tables import cohort, galleries, recordings, speakers, voiceprints


def export_gallery(
    source: Database,
    path: Path,
    make: Callable[[Path], Database],
    by: str,
    *,
    audio: bool,
    force: bool,
) -> Transfer:
    """Write a gallery's voiceprints to a file, whole or not at all.

    make: an empty gallery at a path. audio: the recordings too, where they are kept. force: replace
    what is there.

    Raises OutputError.
    """
    if path.exists() and not force:
        raise OutputError(
            f"{path}: is there already: choose another --output, or pass --force to replace it"
        )
    _refuse_used(source, path)
    with atomic_path(path) as temporary:
        copy = make(temporary)
        try:
            with source.reading() as here, copy.writing() as there:
                settings = here.execute(select(galleries.c.settings)).scalar_one()
                there.execute(update(galleries).values(settings=settings))
                for member in here.execute(select(cohort.c.vector)).scalars():
                    there.execute(insert(cohort).values(vector=member))
                transfer = _copy(here, there, source.name, str(path), by, audio=audio)
            copy.erase()
            copy.leave_one_file()
        finally:
            copy.close()
        _refuse_used(source, path)
    return transfer


def _refuse_used(source: Database, path: Path) -> None:
    """Raise OutputError where a file is the gallery that is exported, or one that is in use.

    SQLite's log beside it, which is there while somebody uses it, would be taken for the new
    file's.
    """
    if source.in_file and path.exists() and path.samefile(str(source.url.database)):
        raise OutputError(f"{path}: is the gallery itself: choose another --output")
    logs = [Path(f"{os.path.realpath(path)}{ending}") for ending in LOGS]
    if any(log.exists() for log in logs):
        raise OutputError(
            f"{path}: is in use, or was by a program that was killed: end what uses it, look at it "
            "by `contravox gallery show`, and try again; or choose another --output"
        )


def import_gallery(source: Database, target: Database, by: str, *, audio: bool) -> Transfer:
    """Take the voiceprints of another gallery in, all or none; those that are there already stay.

    Speakers of one name are one. Raises GalleryError where they are another model's, or what a
    gallery never holds.
    """
    with source.reading() as here, target.writing() as there:
        return _copy(here, there, source.name, target.name, by, audio=audio)


def _copy(
    here: Connection, there: Connection, source: str, target: str, by: str, *, audio: bool
) -> Transfer:
    gallery = here.execute(select(galleries)).one()
    if gallery.model is None:
        return Transfer(0, 0, 0)
    size = vector_size(gallery, source)
    claim_model(there, target, gallery.model, size)
    changed: list[tuple[int | None, int]] = []
    known = 0
    for name, created, rows in _speakers_of(here, source, audio):
        stored = [_checked(row, source, gallery.model, size) for row in rows]
        number = find_speaker(there, name)
        kept, *_ = kept_vectors(there, number)
        seen = {each.tobytes() for each in kept}
        new = [each for each in stored if each.vector.tobytes() not in seen]
        known += len(stored) - len(new)
        if new:
            if number is None:
                number = add_speaker(there, name, created)
            add_voiceprints(there, number, gallery.model, new)
            changed.append((number, len(new)))
    note_changes(there, by, "imported", changed)
    return Transfer(len(changed), sum(count for _, count in changed), known)


def _speakers_of(
    connection: Connection, source: str, audio: bool
) -> Iterator[tuple[str, str, list[Row]]]:
    """Every speaker with their voiceprints, and the recordings where they are wanted."""
    columns: list[Any] = [speakers.c.name, speakers.c.created.label("since"), voiceprints]
    joined = speakers.join(voiceprints)
    if audio:
        columns.append(recordings.c.flac)
        joined = joined.outerjoin(recordings)
    query = select(*columns).select_from(joined).order_by(speakers.c.id, voiceprints.c.id)
    rows = connection.execution_options(yield_per=1000).execute(query)
    for _, own in groupby(rows, key=lambda row: row.speaker):
        of_one = list(own)
        name = speaker_name(of_one[0].name)
        yield name, str(of_one[0].since)[:32], of_one


def _checked(row: Row, source: str, model: str, size: int) -> Stored:
    """A voiceprint as it may be kept. Raises GalleryError for what contravox never writes."""
    if row.model != model:
        raise GalleryError(f"{source}: holds voiceprints of several models: import one of them")
    numbers = (row.seconds, row.speech_seconds, row.bandwidth)
    if (
        len(row.vector) != size
        or not np.isfinite(row.vector).all()
        or not row.vector.any()
        or not all(isinstance(each, float) and 0 <= each < 1e9 for each in numbers)
    ):
        raise damaged(source, "a voiceprint is not of finite numbers")
    flac = getattr(row, "flac", None)
    if flac is not None and not isinstance(flac, bytes):
        raise damaged(source, "a recording is no file")
    return Stored(row.vector, *numbers, str(row.created)[:32], flac)
