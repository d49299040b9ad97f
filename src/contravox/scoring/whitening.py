"""Embeddings brought to mean zero and an even spread, both learned on training data."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from contravox.errors import ScoringError
from contravox.scoring.cosine import finite_rows, unit_rows
from contravox.scoring.group_means import Speakers
from contravox.scoring.inner_products import BLOCK
from contravox.scoring.speaker_statistics import SpeakerStatistics, mean_and_scatter

WhiteningMethod = Literal["mean subtraction", "whitening", "within-class whitening"]
"""How embeddings are whitened; every result names it."""

FLOOR = 1e-6
"""A direction of less than this share of the largest variance counts as of this share: dividing by
less would turn rounding into a voice."""


@dataclass(frozen=True)
class Whitening:
    """x → (x − mean)·matrix, scaled to length 1.

    mean: (d,) float32; matrix: (d, d) float32, symmetric.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    @classmethod
    def learn(
        cls,
        vectors: NDArray,
        speakers: Speakers | None = None,
        method: WhiteningMethod = "whitening",
    ) -> "Whitening":
        """Learn from embeddings (n, d) of training data, and their speakers (n,).

        - ``mean subtraction``: the matrix is the identity.
        - ``whitening``: the matrix is Σ^(−1/2) of the covariance Σ of all embeddings, the whitening
          that turns them least (ZCA; Bell & Sejnowski 1997, Vision Research 37).
        - ``within-class whitening``: W^(−1/2) of the mean covariance W within speakers, which makes
          directions that vary from session to session count less (WCCN; Hatch et al. 2006).

        Raises ScoringError for an embedding that is not finite, or too few for d dimensions.
        """
        vectors, _ = finite_rows(vectors)
        width = vectors.shape[1]
        if method == "within-class whitening":
            if speakers is None:
                raise ValueError("within-class whitening needs speakers")
            statistics = SpeakerStatistics.of(vectors, speakers)
            mean, covariance = statistics.mean, statistics.within_covariance
        else:
            needed = 1 if method == "mean subtraction" else width + 1
            if len(vectors) < needed:
                raise ScoringError(
                    f"{method} of embeddings of {width} numbers needs {needed} of them or more, "
                    f"got {len(vectors)}"
                )
            mean, scatter = mean_and_scatter(vectors)
            covariance = scatter / len(vectors)
        matrix = np.eye(width) if method == "mean subtraction" else _inverse_root(covariance)
        return cls(mean.astype(np.float32), matrix.astype(np.float32))

    def apply(self, vectors: NDArray) -> NDArray[np.float32]:
        """Whiten embeddings (n, d) and scale them to length 1.

        Raises ScoringError for one that is not finite, or is the mean and has no direction then.
        """
        vectors, _ = finite_rows(vectors)
        if vectors.shape[1] != len(self.mean):
            raise ScoringError(
                f"embeddings of {vectors.shape[1]} numbers, but whitening was learned on "
                f"{len(self.mean)}: learn it on embeddings of this model"
            )
        whitened = np.empty_like(vectors)
        size = max(1, BLOCK // vectors.shape[1])
        for start in range(0, len(vectors), size):
            block = slice(start, start + size)
            np.matmul(vectors[block] - self.mean, self.matrix, out=whitened[block])
        return unit_rows(whitened, "whitened embeddings")


def _inverse_root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """C^(−1/2), symmetric (d, d)."""
    variances, directions = linalg.eigh(covariance)
    if variances[-1] <= 0:
        raise ScoringError("all embeddings are one: embed more utterances")
    variances = np.maximum(variances, FLOOR * variances[-1])
    return (directions / np.sqrt(variances)) @ directions.T
