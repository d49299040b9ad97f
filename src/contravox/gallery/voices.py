"""Enrolled speakers as a matrix in memory, and the exact search of it.

A million rows of 192 numbers take 768 MB, and comparing a recording with all of them is one product
of a matrix and a vector, which reads each row once: no index is faster without missing some.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contravox.gallery.normalising import Normaliser
from contravox.gallery.settings import ScoringMethod
from contravox.scoring.calibration import Calibration
from contravox.scoring.calibration_columns import Side, ratios_of
from contravox.scoring.cohort_statistics import Statistics

NOBODY = -1
"""In place of a speaker's number, where there is none."""

GROWTH = 1.2
"""How many times as many rows are made room for, where there is none left."""


OF_ROWS = (
    *("_vectors", "_owners", "_seconds", "_bandwidths", "_lengths"),
    *("_means", "_deviations"),
)
"""Arrays with an entry for each row."""


@dataclass(frozen=True)
class Compared:
    """A recording beside all speakers.

    speakers: (n,) their numbers, NOBODY at a place that is free; scores: (n,) float32; ratios: (n,)
    float64, natural log-likelihood ratios, or None without a calibration. Both are -inf at a free
    place.
    """

    speakers: NDArray[np.int64]
    scores: NDArray[np.float32]
    ratios: NDArray[np.float64] | None

    def closest(self, count: int, *, by_score: bool = False) -> NDArray[np.int64]:
        """The places of at most so many speakers, the closest first.

        by_score: even where there are ratios, of which the highest need not be of the highest
        score.
        """
        ranked = self.scores if by_score or self.ratios is None else self.ratios
        if count < len(ranked):
            places = np.argpartition(ranked, len(ranked) - count)[-count:]
        else:
            places = np.arange(len(ranked))
        places = places[np.argsort(-ranked[places], kind="stable")]
        return places[self.speakers[places] != NOBODY]

    def place_of(self, speaker: int) -> int | None:
        """Where a speaker is; None for one who is not there."""
        places = np.flatnonzero(self.speakers == speaker)
        return int(places[0]) if len(places) else None


class Voices:
    """Speakers and their voiceprints.

    By the method ``mean`` a speaker is one row: the mean of the unit vectors, scaled to length 1;
    by the others, every voiceprint is one. Rows and places of speakers who are gone are given to
    the next.
    """

    def __init__(
        self, size: int, scoring: ScoringMethod, normaliser: Normaliser | None = None
    ) -> None:
        """size: d, numbers in an embedding. normaliser: of the scores of rows, if they are."""
        self.scoring = scoring
        self.normaliser = normaliser
        self._vectors = np.zeros((0, size), np.float32)
        # Of each row: the place of its speaker, and of the recordings behind it seconds, bandwidth
        # and length of the embedding.
        self._owners = np.zeros(0, np.int64)
        self._seconds = np.zeros(0)
        self._bandwidths = np.zeros(0)
        self._lengths = np.zeros(0)
        # Of its scores with the cohort.
        self._means = np.zeros(0, np.float32)
        self._deviations = np.zeros(0, np.float32)
        self._used = 0
        self._free_rows: list[int] = []
        self._speakers = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)
        self._places: dict[int, int] = {}
        self._free_places: list[int] = []

    def __len__(self) -> int:
        """How many speakers there are."""
        return len(self._places)

    def __contains__(self, speaker: int) -> bool:
        return speaker in self._places

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays; a number and a place in a dictionary for each speaker come to it."""
        return sum(each.nbytes for each in vars(self).values() if isinstance(each, np.ndarray))

    def put(
        self,
        speakers: NDArray[np.int64],
        counts: NDArray[np.int64],
        vectors: NDArray[np.float32],
        seconds: NDArray[np.float64],
        bandwidths: NDArray[np.float64],
    ) -> None:
        """Take speakers in, in place of what was known of them.

        speakers: (k,) their numbers; counts: (k,) of their voiceprints, at least one each; vectors:
        (n, d) embeddings, those of one speaker after those of another; seconds, bandwidths: (n,)
        of the recordings; NaN is a bandwidth that is not known.
        """
        for speaker in speakers.tolist():
            if speaker in self._places:
                self.remove(speaker)
        if not len(speakers):
            return
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors)).astype(np.float64)
        rows = vectors / lengths[:, None].astype(np.float32)
        places = self._new_places(speakers)
        self._counts[places] = counts
        owners = np.repeat(places, counts)
        if self.scoring == "mean":
            starts = np.cumsum(counts) - counts
            rows = np.add.reduceat(rows, starts, axis=0)
            norms = np.sqrt(np.einsum("nd,nd->n", rows, rows))
            # Opposed vectors have no mean direction; such a speaker scores zero with everybody.
            rows /= np.maximum(norms, np.finfo(np.float32).tiny)[:, None]
            seconds = np.add.reduceat(seconds, starts) / counts
            bandwidths = means_of_known(bandwidths, starts)
            lengths = np.add.reduceat(lengths, starts) / counts
            owners = places
        statistics = None if self.normaliser is None else self.normaliser.statistics(rows)
        at = self._new_rows(len(rows))
        if statistics is not None:
            self._means[at], self._deviations[at] = statistics
        self._vectors[at], self._owners[at] = rows, owners
        self._seconds[at], self._bandwidths[at], self._lengths[at] = seconds, bandwidths, lengths

    def remove(self, speaker: int) -> None:
        """Forget a speaker; nothing of their voiceprints is left in memory."""
        place = self._places.pop(speaker)
        rows = np.flatnonzero(self._owners[: self._used] == place)
        self._vectors[rows] = 0
        # Of none there is no logarithm.
        self._seconds[rows] = 1
        self._owners[rows], self._means[rows], self._deviations[rows] = NOBODY, 0, 1
        self._free_rows += rows.tolist()
        self._speakers[place] = NOBODY
        self._free_places.append(place)

    def compare(
        self,
        vector: NDArray[np.float32],
        seconds: float,
        bandwidth: float,
        calibration: Calibration | None = None,
    ) -> Compared:
        """Compare a recording's embedding (d,) with every speaker; bandwidth: in Hz."""
        if not self._places:
            nobody = np.zeros(0, np.int64)
            ratios = None if calibration is None else np.zeros(0)
            return Compared(nobody, np.zeros(0, np.float32), ratios)
        length = float(np.linalg.norm(vector))
        rows = slice(self._used)
        unit = (vector / np.float32(length)).astype(np.float32)
        scores = self._vectors[rows] @ unit
        # Rounding can step over 1.
        np.clip(scores, -1, 1, out=scores)
        if self.normaliser is not None:
            statistics = Statistics(self._means[rows], self._deviations[rows])
            scores = self.normaliser.normalise(scores, statistics, unit)
        ratios = None
        if calibration is not None:
            heard = Side(seconds, bandwidth, length)
            ratios = self._by_speaker(ratios_of(calibration, scores, self._side(rows), heard))
        return Compared(self._speakers, self._by_speaker(scores).astype(np.float32), ratios)

    def _side(self, rows: slice) -> Side:
        """What is known of the recordings behind the rows."""
        return Side(self._seconds[rows], self._bandwidths[rows], self._lengths[rows])

    def _by_speaker(self, values: NDArray) -> NDArray:
        """(places,) from the values (rows,): a speaker's one, their mean or the highest."""
        owners = self._owners[: self._used]
        # The last place is that of free rows.
        found = np.full(len(self._speakers) + 1, -np.inf, values.dtype)
        if self.scoring == "mean of scores":
            sums = np.bincount(
                np.where(owners == NOBODY, len(self._speakers), owners),
                weights=values,
                minlength=len(found),
            )
            found[:-1] = sums[:-1] / np.maximum(self._counts, 1)
            found[:-1][self._speakers == NOBODY] = -np.inf
        elif self.scoring == "best":
            np.maximum.at(found, owners, values)
        else:
            found[owners] = values
        return found[:-1]

    def _new_places(self, speakers: NDArray[np.int64]) -> NDArray[np.int64]:
        again = [self._free_places.pop() for _ in speakers[: len(self._free_places)]]
        fresh = len(speakers) - len(again)
        places = np.concatenate([np.array(again, np.int64), len(self._speakers) + np.arange(fresh)])
        self._speakers = np.concatenate([self._speakers, np.full(fresh, NOBODY)])
        self._counts = np.concatenate([self._counts, np.zeros(fresh, np.int64)])
        self._speakers[places] = speakers
        self._places.update(zip(speakers.tolist(), places.tolist(), strict=True))
        return places

    def _new_rows(self, count: int) -> NDArray[np.int64]:
        again = [self._free_rows.pop() for _ in range(min(count, len(self._free_rows)))]
        fresh = count - len(again)
        needed = self._used + fresh
        if needed > len(self._vectors):
            capacity = needed if not self._used else max(needed, int(GROWTH * self._used))
            for name in OF_ROWS:
                before = getattr(self, name)
                after = np.zeros((capacity, *before.shape[1:]), before.dtype)
                after[: self._used] = before[: self._used]
                setattr(self, name, after)
        rows = np.concatenate([np.array(again, np.int64), self._used + np.arange(fresh)])
        self._used = needed
        return rows


def means_of_known(values: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each group of values, which begins at its start, the mean but for NaN; NaN of none."""
    known = ~np.isnan(values)
    counts = np.add.reduceat(known, starts, dtype=np.int64)
    sums = np.add.reduceat(np.where(known, values, 0), starts)
    return np.where(counts, sums / np.maximum(counts, 1), np.nan)
