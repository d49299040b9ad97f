"""Inner products of the rows that trials name, in blocks.

Every backend turns embeddings into vectors whose inner product is the score: cosine scoring into
vectors of length 1, PLDA into longer ones. So trials are scored, and scores normalised, in one way.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Gathering one pair's rows takes about as long as this many cells of a matrix product: 300 ns
# against 10 ns, at d = 192 on one thread.
CELLS_PER_GATHER = 32
# Numbers held at once: 8 MiB of float32. Below that products slow down, above it gathering does.
BLOCK = 2**21


def inner_products(
    enrolment: NDArray[np.float32], test: NDArray[np.float32], pairs: ArrayLike
) -> NDArray[np.float32]:
    """Score trials by the inner product of their two vectors.

    Works in blocks: beside the vectors and the scores, 8 MiB at a time. Where many of the possible
    pairs are trials, blocks are matrix products of all enrolments with all tests; elsewhere, of the
    rows that the trials name.

    enrolment: (n, w) float32. test: (m, w) float32; may be the same array as ``enrolment``. pairs:
    (k, 2) integers, for each trial a row of ``enrolment`` and a row of ``test``.

    Returns (k,) float32.

    Raises ValueError for arrays whose sizes do not fit, or a pair that names a row which is not
    there.
    """
    pairs = check_pairs(enrolment, test, pairs)
    dense = len(enrolment) * len(test) <= CELLS_PER_GATHER * len(pairs)
    return (_of_all_pairs if dense else _of_rows)(enrolment, test, pairs)


def check_pairs(enrolment: NDArray, test: NDArray, pairs: ArrayLike) -> NDArray[np.integer]:
    """Give ``pairs`` (k, 2) if they name rows of (n, w) and (m, w). Raises ValueError."""
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"pairs must be (k, 2), got {pairs.shape}")
    if len(pairs) and (pairs.min() < 0 or np.any(pairs.max(axis=0) >= [len(enrolment), len(test)])):
        raise ValueError(f"pairs must lie within {len(enrolment)} enrolments and {len(test)} tests")
    if enrolment.shape[1] != test.shape[1]:
        raise ValueError(f"enrolment {enrolment.shape} and test {test.shape} must have one width")
    return pairs


def _of_all_pairs(
    enrolment: NDArray[np.float32], test: NDArray[np.float32], pairs: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Score by products of a block of ``enrolment`` rows with all of ``test``."""
    scores = np.empty(len(pairs), dtype=np.float32)
    rows = max(1, BLOCK // len(test))
    order = np.argsort(pairs[:, 0], kind="stable")
    starts = np.arange(0, len(enrolment) + rows, rows)
    bounds = np.searchsorted(pairs[:, 0], starts, sorter=order)
    for start, (low, high) in zip(starts, pairwise(bounds), strict=False):
        trials = order[low:high]
        product = enrolment[start : start + rows] @ test.T
        scores[trials] = product[pairs[trials, 0] - start, pairs[trials, 1]]
    return scores


def _of_rows(
    enrolment: NDArray[np.float32], test: NDArray[np.float32], pairs: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Score by gathering both rows of a block of pairs."""
    scores = np.empty(len(pairs), dtype=np.float32)
    size = max(1, BLOCK // (2 * enrolment.shape[1]))
    for start in range(0, len(pairs), size):
        block = pairs[start : start + size]
        np.einsum(
            "kd,kd->k",
            enrolment[block[:, 0]],
            test[block[:, 1]],
            out=scores[start : start + size],
        )
    return scores
