"""Utterances that are embedded as several crops, as some published results are.

Means of scores over crops are inner products of one vector an utterance, so they cost no more than
a cosine. The vectors are not of length 1, and must not be scaled to it.
"""

import numpy as np
from numpy.typing import NDArray

from contravox.scoring.cosine import unit_rows


def average_crops(crops: NDArray) -> NDArray[np.float32]:
    """Mean of an utterance's crops (n, crops, d), each first scaled to length 1: (n, d).

    The inner product of two utterances is the mean cosine over all pairs of their crops, as in the
    evaluation of Chung et al. 2020 (arXiv 2003.11982), which takes ten of each.

    Raises ScoringError for a crop without direction.
    """
    utterances, count, width = crops.shape
    units = unit_rows(crops.reshape(-1, width), "crops")
    return units.reshape(utterances, count, width).mean(axis=1)


def join_crops(whole: NDArray, crops: NDArray) -> NDArray[np.float32]:
    """Whole utterances (n, d) beside their crops (n, crops, d): (n, 2·d).

    The inner product of two utterances is the mean of their cosine when whole and of the mean
    cosine over all pairs of their crops.

    Raises ScoringError for an embedding without direction.
    """
    both = [unit_rows(whole, "whole utterances"), average_crops(crops)]
    return np.concatenate(both, axis=1) * np.float32(np.sqrt(0.5))
