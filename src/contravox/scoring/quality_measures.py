"""Measures of a trial's quality, which tell calibration how far to trust its score."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def quality_measure(name: str, enrolment: ArrayLike, test: ArrayLike) -> dict[str, NDArray]:
    """The lower and the higher of a measure's values on the two sides of each trial.

    So the score stays the same when enrolment and test change places (Thienpondt et al. 2021, arXiv
    2010.11255). Usual measures are the logarithm of the duration, the length of the
    embedding, and the mean score against a cohort (``NormalisedScores``).

    Args:
        name: of the measure, such as ``log duration``.
        enrolment: (k,) of each trial's enrolment; of several utterances their mean.
        test: (k,) of each trial's test.

    Returns:
        Columns (k,) for ``Calibration``, called ``lower NAME`` and ``higher NAME``.
    """
    return {
        f"lower {name}": np.minimum(enrolment, test),
        f"higher {name}": np.maximum(enrolment, test),
    }
