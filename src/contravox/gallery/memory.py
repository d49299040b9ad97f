"""What a process holds of a gallery, in step with the database that others change too."""

import math
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from contravox.gallery.changes import OF_ALL, changes_since, last_change
from contravox.gallery.failures import damaged
from contravox.gallery.normalising import Normaliser
from contravox.gallery.results import Change
from contravox.gallery.settings import GallerySettings
from contravox.gallery.storing import known_bandwidths, read_settings, vector_size
from contravox.gallery.tables import cohort, galleries, voiceprints
from contravox.gallery.voices import Voices

MOST_CHANGES = 1000
"""From more than so many at once, everything is read anew."""

BLOCK = 10_000
"""Rows that are held as objects of Python while they are read."""


class Memory:
    """The settings of a gallery, its model and its voices, as of one change.

    The entry of the log is kept; ``follow`` reads what has changed since, or all where the log
    holds another in its place: then an older state was restored.
    """

    settings = GallerySettings()
    model: str | None = None
    """The digest of the model whose voiceprints there are; none while there are none."""

    def __init__(self, name: str) -> None:
        """name: of the database, for messages."""
        self.name = name
        self.voices: Voices | None = None
        self.normaliser: Normaliser | None = None
        self._change: Change | None = None
        self._held: str | None = None

    def look(self, connection: Connection) -> None:
        """Read settings and model, and no voices."""
        self.settings = read_settings(connection, self.name)
        row = connection.execute(select(galleries)).one()
        self.model = row.model
        self._size = None if row.model is None else vector_size(row, self.name)

    def follow(self, connection: Connection) -> Voices:
        """The voices as the connection sees them. Raises GalleryError for what is damaged."""
        last = last_change(connection)
        if self.voices is not None and last == self._change:
            return self.voices
        since, continues = self._since(connection)
        self.look(connection)
        # Others than ``follow`` look too: what the voices are of is kept with them.
        anew = not continues or self._held != self.model or len(since) > MOST_CHANGES
        if anew or any(each.action in OF_ALL for each in since):
            self._read_cohort(connection)
            voices = Voices(self._size or 1, self.settings.scoring, self.normaliser)
            self._read(connection, voices, None)
            self.voices, self._held = voices, self.model
        elif self.voices is not None:
            changed = {each.speaker for each in since if each.speaker is not None}
            for speaker in changed:
                if speaker in self.voices:
                    self.voices.remove(speaker)
            self._read(connection, self.voices, sorted(changed))
        self._change = last
        assert self.voices is not None
        return self.voices

    def _since(self, connection: Connection) -> tuple[list[Change], bool]:
        """The changes since the one that is kept, and whether they go on from there."""
        if self.voices is None or self._change is None:
            return [], False
        entries = changes_since(connection, self._change.number - 1, MOST_CHANGES + 2)
        return entries[1:], entries[:1] == [self._change]

    def _read_cohort(self, connection: Connection) -> None:
        members = list(connection.execute(select(cohort.c.vector)).scalars())
        self.normaliser = None
        if members:
            self.normaliser = Normaliser(self._checked(members), self.settings.top)

    def _read(self, connection: Connection, voices: Voices, only: list[int] | None) -> None:
        """Take the voiceprints of some speakers in, or of all."""
        of_each = (voiceprints.c.seconds, voiceprints.c.bandwidth, voiceprints.c.vector)
        query = select(voiceprints.c.speaker, *of_each).order_by(
            voiceprints.c.speaker, voiceprints.c.id
        )
        if only is not None:
            query = query.where(voiceprints.c.speaker.in_(only))
        rows = connection.execution_options(yield_per=BLOCK).execute(query)
        speakers: list[int] = []
        counts: list[int] = []
        vectors, seconds, bandwidths = [], [], []
        for part in rows.partitions():
            for speaker, of_one in groupby(part, key=lambda row: row.speaker):
                own = list(of_one)
                # A speaker may go on from the part before.
                if speakers and speakers[-1] == speaker:
                    counts[-1] += len(own)
                else:
                    speakers.append(speaker)
                    counts.append(len(own))
            vectors.append(self._checked([row.vector for row in part]))
            seconds.append(self._checked_numbers("seconds", [row.seconds for row in part]))
            heard = [row.bandwidth for row in part]
            bandwidths.append(known_bandwidths(self._checked_numbers("bandwidth", heard)))
        if speakers:
            voices.put(
                np.array(speakers),
                np.array(counts),
                np.concatenate(vectors),
                np.concatenate(seconds),
                np.concatenate(bandwidths),
            )

    def _checked_numbers(self, what: str, values: list[float]) -> NDArray[np.float64]:
        # A column of SQLite holds values of any type.
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
            raise damaged(self.name, f"a voiceprint has no number for its {what}")
        return np.array(values, np.float64)

    def _checked(self, vectors: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        if any(len(vector) != self._size for vector in vectors):
            raise damaged(self.name, f"a voiceprint is not of {self._size} numbers")
        stacked = np.stack(vectors)
        lengths = np.einsum("nd,nd->n", stacked, stacked)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise damaged(self.name, "a voiceprint is zero or not finite")
        return stacked
