"""Probabilistic linear discriminant analysis with two covariances.

An embedding is y + ε: a speaker's own y, drawn once from N(mean, between), and what differs from
utterance to utterance, drawn from N(0, within) (Brümmer & de Villiers 2010, The speaker
partitioning problem). A trial's score is the log-likelihood ratio of one y against two.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from contravox.errors import ScoringError, ScoringWarning
from contravox.scoring.cohort import Cohort
from contravox.scoring.cosine import finite_rows
from contravox.scoring.group_means import Speakers
from contravox.scoring.speaker_statistics import SpeakerStatistics

FREE = 3
"""Utterances less speakers, for each number of an embedding, from which learning is taken at its
word. The inverse of a covariance learned from n free of them is n/(n − d − 1) times too large, and
more so in the directions that seem to vary least. On data drawn from the model (64 and 192 numbers,
8 to 384 speakers) ratios learned with twice as many as numbers always cost more than none would
(Cllr 2 to 30), with 3 times as many 0.3 to 7, with 5 times as many at most 1.2. Too few speakers
cost error rate, little by little, but no such overconfidence."""


@dataclass(frozen=True)
class PLDA:
    """mean: (d,); between, within: (d, d) covariances, all float64.

    Scores are the inner products of ``enrolment_vectors`` and ``test_vectors``.
    """

    mean: NDArray[np.float64]
    between: NDArray[np.float64]
    within: NDArray[np.float64]

    @classmethod
    def learn(
        cls,
        vectors: NDArray,
        speakers: Speakers,
        *,
        iterations: int = 20,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> "PLDA":
        """Learn from embeddings (n, d) of training data and their speakers (n,).

        Expectation maximisation from the covariances of the speakers' means and within speakers.
        Embeddings are best whitened and of length 1 (Garcia-Romero & Espy-Wilson 2011): Gaussian
        tails are thin.

        progress: called with the iterations done and in all.

        Raises ScoringError for an embedding that is not finite, fewer than two speakers, too few
        utterances for d dimensions, or none that differs from others of its speaker in some
        direction. Warns with ScoringWarning where they are hardly enough; see ``FREE``.
        """
        statistics = SpeakerStatistics.of(vectors, speakers)
        _warn_of_few(statistics)
        means, within_scatter = statistics.means, statistics.within
        mean = means.mean(axis=0)
        between, within = np.cov(means.T, bias=True), statistics.within_covariance
        counts = statistics.counts[:, None]
        # Each iteration works where ``within`` is the identity and ``between`` is diagonal, so
        # that no speaker needs an inverse of its own.
        rotation = np.eye(len(mean))
        for iteration in range(iterations):
            variances, basis = _diagonalise(between, within)
            rotation = rotation @ basis
            means, mean = means @ basis, mean @ basis
            within_scatter = basis.T @ within_scatter @ basis
            # Expectation: y of each speaker is Gaussian with these moments.
            spread = variances / (1 + counts * variances)
            expected = mean + counts * spread * (means - mean)
            # Maximisation.
            mean = expected.mean(axis=0)
            between = _scatter(expected - mean, 1 / len(means)) + np.diag(spread.mean(axis=0))
            residual = _scatter(np.sqrt(counts) * (means - expected), 1)
            posterior_covariance = np.diag((counts * spread).sum(axis=0))
            within = (within_scatter + residual + posterior_covariance) / counts.sum()
            progress(iteration + 1, iterations)
        inverse = linalg.inv(rotation)
        return cls(
            statistics.mean + mean @ inverse,
            inverse.T @ between @ inverse,
            inverse.T @ within @ inverse,
        )

    def test_vectors(self, vectors: NDArray) -> NDArray[np.float32]:
        """(m, 2·d + 1) of test embeddings (m, d). Raises ScoringError where one is not finite."""
        rotated = self._rotate(vectors)
        return np.concatenate([rotated, rotated**2, np.ones_like(rotated[:, :1])], axis=1)

    def enrolment_vectors(
        self, means: NDArray, counts: ArrayLike | None = None
    ) -> NDArray[np.float32]:
        """(n, 2·d + 1) of enrolments, by the mean (n, d) of the embeddings behind each.

        counts: (n,) utterances behind each mean, one by default. The mean and the count say all
        that the model can know: with several utterances the score is still the log-likelihood
        ratio, exactly.

        In the basis where ``within`` is the identity and ``between`` is diag(ψ), n utterances of
        mean u predict a test t of the same speaker as N(nψ/(1+nψ)·u, 1 + ψ/(1+nψ)), and one of
        another as N(0, 1+ψ). The difference of log densities is linear in t, t² and 1.

        Raises ScoringError where a mean is not finite.
        """
        rotated = self._rotate(means).astype(np.float64)
        variances, _ = self._basis
        number = np.ones((len(rotated), 1)) if counts is None else np.asarray(counts)[:, None]
        spread = variances / (1 + number * variances)
        expected, variance = number * spread * rotated, 1 + spread
        impostor = np.broadcast_to(1 + variances, variance.shape)
        constant = np.log(impostor / variance) - expected**2 / variance
        return np.concatenate(
            [
                expected / variance,
                (1 / impostor - 1 / variance) / 2,
                constant.sum(axis=1, keepdims=True) / 2,
            ],
            axis=1,
            dtype=np.float32,
        )

    def cohort(self, vectors: NDArray) -> Cohort:
        """Embeddings (c, d) as a cohort for scores of this model; each stands for one utterance."""
        return Cohort(self.test_vectors(vectors), self.enrolment_vectors(vectors))

    @cached_property
    def _basis(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return _diagonalise(self.between, self.within)

    def _rotate(self, vectors: NDArray) -> NDArray[np.float32]:
        """Embeddings (n, d) less the mean, where ``within`` is the identity."""
        vectors, _ = finite_rows(vectors)
        if vectors.shape[1] != len(self.mean):
            raise ScoringError(
                f"embeddings of {vectors.shape[1]} numbers, but PLDA was learned on "
                f"{len(self.mean)}: learn it on embeddings of this model"
            )
        _, basis = self._basis
        centred: NDArray[np.float32] = vectors - self.mean.astype(np.float32)
        return centred @ basis.astype(np.float32)


def _warn_of_few(statistics: SpeakerStatistics) -> None:
    """Warn where covariances learned from so few utterances give ratios that are far too sure."""
    speakers, size = statistics.means.shape
    utterances, needed = int(statistics.counts.sum()), FREE * size + speakers
    if utterances < needed:
        warnings.warn(
            f"PLDA learns from {utterances:,} utterances of {speakers:,} speakers, too few to "
            f"trust its ratios in {size:,} dimensions: take {needed:,} utterances or more of so "
            "many speakers, or leave PLDA out",
            ScoringWarning,
            stacklevel=3,
        )


def _diagonalise(
    between: NDArray[np.float64], within: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ψ (d,) and V (d, d) with Vᵀ·between·V = diag(ψ) and Vᵀ·within·V = 1. Raises ScoringError."""
    try:
        variances, basis = linalg.eigh(between, within)
    except linalg.LinAlgError:
        raise ScoringError(
            "in some direction no embedding differs from others of its speaker: leave out numbers "
            "that never change, or take more utterances of each speaker"
        ) from None
    return np.maximum(variances, 0), basis


def _scatter(vectors: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """weight·Σ x xᵀ (d, d) of vectors (n, d)."""
    return weight * (vectors.T @ vectors)
