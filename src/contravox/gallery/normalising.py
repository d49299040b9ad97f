"""AS-norm of a gallery's scores: how far one stands out from those against strangers."""

import numpy as np
from numpy.typing import NDArray

from contravox.errors import ScoringError
from contravox.scoring.cohort_statistics import Statistics, own_statistics
from contravox.scoring.normalisation import SPREAD


class Normaliser:
    """AS-norm1 (Matějka et al. 2017), as ``ScoreNormaliser`` does for trial lists."""

    def __init__(self, cohort: NDArray[np.float32], top: int) -> None:
        """Of unit vectors (c, d) of speakers who are not enrolled.

        top: of them, those that count for a vector are the so many that score highest with it; all,
        where there are fewer.
        """
        self.cohort = cohort
        self.top = min(top, len(cohort))

    def statistics(self, vectors: NDArray[np.float32]) -> Statistics:
        """Mean and deviation of the scores of n vectors (n, d) with the cohort, (n,) each.

        Raises ScoringError where a vector scores alike with all.
        """
        rows = np.arange(len(vectors))
        found = own_statistics(vectors, rows, self.cohort, self.top, lambda _: None)
        if not (found.deviations > SPREAD * np.abs(found.means)).all():
            raise ScoringError(
                f"a voiceprint scores alike with all {self.top} members of the cohort: "
                "leave copies out of the cohort"
            )
        return found

    def normalise(
        self, scores: NDArray[np.float32], enrolled: Statistics, vector: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """½·((s − μₑ)/σₑ + (s − μₜ)/σₜ) of scores (n,).

        They are those of a test ``vector`` (d,) of length 1 with n enrolled ones, of which the
        statistics are ``enrolled``.
        """
        test = self.statistics(vector[None])
        standard = (scores - enrolled.means) / enrolled.deviations
        return ((standard + (scores - test.means[0]) / test.deviations[0]) / 2).astype(np.float32)
