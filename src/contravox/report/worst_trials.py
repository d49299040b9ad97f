"""The trials on which a system is most wrong, which say most about why."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class WorstTrials(NamedTuple):
    """Rows of trials that are decided wrongly, the worst first; of equal ones the first first.

    false_accepts: non-target trials at or above the threshold, from the highest score.
    false_rejects: target trials below it, from the lowest score.
    """

    false_accepts: NDArray[np.int64]
    false_rejects: NDArray[np.int64]


def worst_trials(
    scores: NDArray, targets: NDArray[np.bool_], threshold: float, count: int
) -> WorstTrials:
    """Find at most ``count`` of each kind of error.

    scores: (k,), higher where the speakers are more alike. targets: (k,) bool, True where both
    sides of the trial are one speaker. threshold: a trial at or above it is accepted. count: how
    many of each to give.
    """
    accepted = scores >= threshold
    accepts = np.flatnonzero(accepted & ~targets)
    rejects = np.flatnonzero(~accepted & targets)
    return WorstTrials(
        accepts[np.argsort(-scores[accepts], kind="stable")[:count]],
        rejects[np.argsort(scores[rejects], kind="stable")[:count]],
    )
