"""Means of the vectors of each group: of a speaker, of an enrolment."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from contravox.errors import ScoringError
from contravox.numbering import number_names

Speakers = Sequence[str] | Sequence[int] | NDArray | pl.Series
"""The speaker of each utterance, (n,): names or numbers."""


def group_means(
    vectors: NDArray[np.float32], rows: NDArray[np.int64], groups: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Mean vector of each group, without a copy of the vectors.

    vectors: (n, d). rows, groups: (k,), a row of ``vectors`` and the group 0 ... g−1 that it is in;
    a row named twice counts twice.

    Returns the means (g, d) and how many rows are behind each (g,).
    """
    counts = np.bincount(groups)
    shares = (1 / counts[groups]).astype(np.float32)
    weights = csr_array((shares, (groups, rows)), shape=(len(counts), len(vectors)))
    return weights @ vectors, counts


def number_speakers(speakers: Speakers) -> tuple[int, NDArray[np.int64]]:
    """How many speakers there are, and the number 0, 1, ... of each utterance's, by name, (n,).

    Raises ScoringError where a speaker is missing.
    """
    numbers = number_names(pl.Series("speaker", speakers))
    missing = numbers.is_null().arg_true()
    if len(missing):
        raise ScoringError(
            f"utterance {missing[0]} has no speaker: fill the manifest's speaker column in"
        )
    array = numbers.cast(pl.Int64).to_numpy()
    return int(array.max(initial=-1)) + 1, array
