"""Cosine similarity between the embeddings of trials."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# Gathering one pair's rows takes about as long as this many cells of a matrix product: 300 ns
# against 10 ns, at d = 192 on one thread.
CELLS_PER_GATHER = 32
# Numbers held at once: 16 MiB of float32. Below that products slow down, above it gathering does.
BLOCK = 2**22


def unit_rows(embeddings: NDArray, name: str = "embeddings") -> NDArray[np.float32]:
    """Scale each row of ``embeddings`` (n, d) to length 1, as float32.

    Raises ValueError naming the row where one is zero or not finite, or where the array is not
    (n, d).
    """
    if embeddings.ndim != 2:
        raise ValueError(f"{name} must be (n, d), got {embeddings.shape}")
    embeddings = embeddings.astype(np.float32, copy=False)
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    usable = np.isfinite(lengths) & (lengths > 0)
    if not usable.all():
        row = int(np.argmin(usable))
        raise ValueError(f"{name}: row {row} is zero or not finite and has no direction")
    return embeddings / lengths


def cosine_scores(
    enrolment: NDArray, test: NDArray, pairs: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Score trials by the cosine of the angle between their two embeddings.

    Works in blocks: beside the embeddings and the scores, 16 MiB at a time. Where many of the
    possible pairs are trials, blocks are matrix products of all enrolments with all tests;
    elsewhere, of the rows that the trials name.

    Args:
        enrolment: (n, d) embeddings, of any length but zero.
        test: (m, d) embeddings; may be the same array as ``enrolment``.
        pairs: (k, 2) integers, for each trial a row of ``enrolment`` and a row of ``test``.

    Returns:
        (k,) float32 between -1 and 1.

    Raises:
        ValueError: an embedding that is zero or not finite (its row is named), arrays whose sizes
            do not fit, or a pair that names a row which is not there.
    """
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"pairs must be (k, 2), got {pairs.shape}")
    if len(pairs) and (pairs.min() < 0 or np.any(pairs.max(axis=0) >= [len(enrolment), len(test)])):
        raise ValueError(f"pairs must lie within {len(enrolment)} enrolments and {len(test)} tests")
    left = unit_rows(enrolment, "enrolment")
    right = left if test is enrolment else unit_rows(test, "test")
    if left.shape[1] != right.shape[1]:
        raise ValueError(f"enrolment {left.shape} and test {right.shape} must have one width")
    dense = len(left) * len(right) <= CELLS_PER_GATHER * len(pairs)
    scores = _score_products(left, right, pairs) if dense else _score_rows(left, right, pairs)
    # Rounding can step over 1, which an arc cosine downstream would not survive.
    return np.clip(scores, -1, 1, out=scores)


def _score_products(
    left: NDArray[np.float32], right: NDArray[np.float32], pairs: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Score by products of a block of ``left`` rows with all of ``right``."""
    scores = np.empty(len(pairs), dtype=np.float32)
    rows = max(1, BLOCK // len(right))
    order = np.argsort(pairs[:, 0], kind="stable")
    starts = np.arange(0, len(left) + rows, rows)
    bounds = np.searchsorted(pairs[:, 0], starts, sorter=order)
    for start, (low, high) in zip(starts, pairwise(bounds), strict=False):
        trials = order[low:high]
        product = left[start : start + rows] @ right.T
        scores[trials] = product[pairs[trials, 0] - start, pairs[trials, 1]]
    return scores


def _score_rows(
    left: NDArray[np.float32], right: NDArray[np.float32], pairs: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Score by gathering both rows of a block of pairs."""
    scores = np.empty(len(pairs), dtype=np.float32)
    size = max(1, BLOCK // (2 * left.shape[1]))
    for start in range(0, len(pairs), size):
        block = pairs[start : start + size]
        np.einsum(
            "kd,kd->k", left[block[:, 0]], right[block[:, 1]], out=scores[start : start + size]
        )
    return scores
