"""The cohort: speakers of the training data whose scores others are measured against."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contravox.errors import ScoringError
from contravox.scoring.cosine import unit_rows
from contravox.scoring.group_means import Speakers, group_means, number_speakers

CohortMembers = Literal["speakers", "utterances"]
"""What the members of a cohort are: the mean of each speaker, or every utterance."""


@dataclass(frozen=True)
class Cohort:
    """Members of a cohort as vectors whose inner products are scores.

    as_tests: (c, w) float32, against which an enrolment is scored; as_enrolments: (c, w) float32,
    against which a test is. Where a score does not tell the two sides apart they are one array.
    """

    as_tests: NDArray[np.float32]
    as_enrolments: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> "Cohort":
        """The cohort (c, w) of a score that is the same from both sides, such as the cosine."""
        return cls(vectors, vectors)

    def __len__(self) -> int:
        return len(self.as_tests)


def cohort_vectors(
    vectors: NDArray, speakers: Speakers, members: CohortMembers = "speakers"
) -> NDArray[np.float32]:
    """Members of a cohort at length 1, (c, d), from embeddings (n, d) and their speakers (n,).

    ``speakers``: the mean of each speaker's embeddings, each first scaled to length 1, in the order
    of their names. ``utterances``: the embeddings.

    The embeddings must come from training data: a cohort from the test is not known when a system
    is used.

    Raises ScoringError where there are fewer than two speakers, or an embedding has no direction.
    """
    units = unit_rows(vectors, "cohort")
    count, numbers = number_speakers(speakers)
    if count < 2:
        raise ScoringError(
            f"a cohort of {count} speaker(s) has no spread to measure others against: take one "
            "of many speakers"
        )
    if members == "utterances":
        return units
    means, _ = group_means(units, np.arange(len(units)), numbers)
    return unit_rows(means, "cohort speakers")
