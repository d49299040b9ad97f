"""Minus the squared distance between embeddings, as an inner product of longer vectors.

−‖a − b‖² = 2a·b − ‖a‖² − ‖b‖²: what the prototypical loss compares (Snell et al. 2017, arXiv
1703.05175), in the order of minus the distance.
"""

import numpy as np
from numpy.typing import NDArray

from contravox.scoring.cosine import finite_rows


def enrolment_vectors(vectors: NDArray) -> NDArray[np.float32]:
    """(n, d + 2) of enrolments (n, d). Raises ScoringError where one is not finite."""
    vectors, lengths = finite_rows(vectors, "enrolments")
    return np.concatenate(
        [2 * vectors, -(lengths[:, None] ** 2), np.ones_like(lengths[:, None])], axis=1
    )


def test_vectors(vectors: NDArray) -> NDArray[np.float32]:
    """(m, d + 2) of test embeddings (m, d). Raises ScoringError where one is not finite."""
    vectors, lengths = finite_rows(vectors)
    return np.concatenate(
        [vectors, np.ones_like(lengths[:, None]), -(lengths[:, None] ** 2)], axis=1
    )
