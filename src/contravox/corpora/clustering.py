"""Embeddings that are alike in groups, by k-means and agglomeration of its centroids."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from contravox.extras import optional_packages

SMALL = 20_000
"""Embeddings up to which k-means looks at all of them in every step; of more, at a batch."""

BATCH = 10_000
"""Of so many, or of as many as there are centroids."""

MOST_CENTROIDS = 30_000
"""That are agglomerated: their distances take 4·n² bytes, 3.6 GB of these, and as much again."""

ROWS = 50_000
"""Embeddings of which a copy is held at once."""


@dataclass(frozen=True)
class Clusters:
    """numbers: (n,) the cluster of each embedding; cosines: (n,) float32, to the cluster's mean."""

    numbers: NDArray[np.int64]
    cosines: NDArray[np.float32]


def cluster_embeddings(
    vectors: NDArray[np.float32], count: int, *, centroids: int | None = None, seed: int = 0
) -> Clusters:
    """Part embeddings into ``count`` clusters by their directions, the same ones for a ``seed``.

    k-means of vectors of length 1. Where ``centroids`` are asked for, it makes so many, and
    agglomeration joins those whose union has the least variance (Ward 1963) until ``count`` are
    left, as the public code of Miara et al. 2024 (arXiv 2406.02285) does.

    Beside the vectors some 100 bytes for each are held. Beyond SMALL of them k-means goes by
    batches (Sculley 2010). Where fewer than ``count`` embeddings differ, some clusters are empty.

    vectors: (n, d), none of them zero; scaled to length 1 in place. count: from 2 to n.
    centroids: from count to n, and to MOST_CENTROIDS.

    Raises MissingExtraError.
    """
    with optional_packages("clustering"):
        from sklearn.cluster import (  # type: ignore[import-untyped]
            AgglomerativeClustering,
            KMeans,
            MiniBatchKMeans,
        )
        from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]
    # Without a copy. The longest would not have a length in 32 bits.
    vectors /= np.maximum(vectors.max(axis=1), -vectors.min(axis=1))[:, None]
    vectors /= np.sqrt(np.einsum("nd,nd->n", vectors, vectors))[:, None]
    first = centroids or count
    means = KMeans(first, random_state=seed)
    if len(vectors) > SMALL:
        means = MiniBatchKMeans(first, batch_size=max(BATCH, first), random_state=seed)
    # Threads would add up in the order in which they are done, which rounds otherwise every time.
    with threadpool_limits(1), warnings.catch_warnings():
        # Of embeddings that are the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        numbers = means.fit(vectors).labels_.astype(np.int64)
        if first > count:
            joined = AgglomerativeClustering(count).fit_predict(means.cluster_centers_)
            numbers = joined[numbers]
    return Clusters(numbers, _cosines_to_means(vectors, numbers))


def _cosines_to_means(
    units: NDArray[np.float32], numbers: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(n,) cosine of each vector (n, d) of length 1 to the mean of those of its number (n,)."""
    rows = np.arange(len(units))
    members = csr_array((np.ones(len(units), np.float32), (numbers, rows)))
    sums = members @ units
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    means = sums / np.maximum(lengths, np.finfo(np.float32).tiny)
    cosines = np.empty(len(units), np.float32)
    for start in range(0, len(units), ROWS):
        block = slice(start, start + ROWS)
        np.einsum("nd,nd->n", units[block], means[numbers[block]], out=cosines[block])
    return cosines
