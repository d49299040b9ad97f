"""What whitening and PLDA learn from: means, and how embeddings spread within speakers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contravox.errors import ScoringError
from contravox.scoring.cosine import finite_rows
from contravox.scoring.group_means import Speakers, group_means, number_speakers
from contravox.scoring.inner_products import BLOCK


def mean_and_scatter(vectors: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
    """Mean (d,) of vectors (n, d), and Σᵢ (xᵢ − mean)(xᵢ − mean)ᵀ (d, d), in float64."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((vectors.shape[1],) * 2)
    size = max(1, BLOCK // vectors.shape[1])
    for start in range(0, len(vectors), size):
        around = vectors[start : start + size] - mean
        scatter += around.T @ around
    return mean, scatter


@dataclass(frozen=True)
class SpeakerStatistics:
    """Embeddings of speakers, summed up in float64.

    counts: (s,) utterances of each speaker; means: (s, d) of each speaker's embeddings, less
    ``mean`` (d,), that of all utterances; within: (d, d), the sum over utterances of
    (x − speaker's mean)(x − speaker's mean)ᵀ.
    """

    counts: NDArray[np.int64]
    means: NDArray[np.float64]
    mean: NDArray[np.float64]
    within: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: NDArray, speakers: Speakers) -> "SpeakerStatistics":
        """Those of embeddings (n, d) and their speakers (n,).

        Raises ScoringError for an embedding that is not finite, fewer than two speakers, or too few
        utterances to tell how they spread within speakers in d dimensions.
        """
        vectors, _ = finite_rows(vectors)
        count, numbers = number_speakers(speakers)
        if count < 2:
            raise ScoringError(f"{count} speaker(s): speakers are told apart by at least two")
        if len(vectors) - count < vectors.shape[1]:
            raise ScoringError(
                f"{len(vectors)} utterances of {count} speakers are too few for embeddings of "
                f"{vectors.shape[1]} numbers: take {vectors.shape[1] + count} or more"
            )
        mean, scatter = mean_and_scatter(vectors)
        means, counts = group_means(vectors, np.arange(len(vectors)), numbers)
        around = means - mean
        return cls(counts, around, mean, scatter - (counts[:, None] * around).T @ around)

    @property
    def within_covariance(self) -> NDArray[np.float64]:
        """(d, d), without bias: utterances less speakers are free."""
        return self.within / (self.counts.sum() - len(self.counts))
