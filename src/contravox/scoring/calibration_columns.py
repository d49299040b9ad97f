"""What calibration may look at: a trial's score, and how good its recordings are."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contravox.scoring.calibration import Calibration

Quality = Literal["duration", "magnitude", "cohort"]
"""The logarithm of the seconds, the length of the embedding, the mean score against a cohort."""

SCORE, DURATION, MAGNITUDE, COHORT = "score", "log duration", "magnitude", "cohort mean"


def qualities(calibration: Calibration) -> tuple[Quality, ...]:
    """What a calibration looks at beside the score."""
    signs: dict[Quality, str] = {
        "duration": DURATION,
        "magnitude": MAGNITUDE,
        "cohort": COHORT,
    }
    return tuple(
        quality for quality, name in signs.items() if f"lower {name}" in calibration.weights
    )


def duration_columns(enrolment: ArrayLike, test: ArrayLike) -> dict[str, NDArray]:
    """From the seconds (k,) of each side."""
    return quality_columns(DURATION, np.log(enrolment), np.log(test))


def magnitude_columns(enrolment: ArrayLike, test: ArrayLike) -> dict[str, NDArray]:
    """From the length (k,) of each side's embedding."""
    return quality_columns(MAGNITUDE, enrolment, test)


def quality_columns(name: str, enrolment: ArrayLike, test: ArrayLike) -> dict[str, NDArray]:
    """The lower and the higher of a measure's values (k,) on the two sides of each trial.

    So the score stays the same when enrolment and test change places (Thienpondt et al. 2021, arXiv
    2010.11255). enrolment: of several utterances their mean.
    """
    return {
        f"lower {name}": np.minimum(enrolment, test),
        f"higher {name}": np.maximum(enrolment, test),
    }


def ratios_of(
    calibration: Calibration,
    scores: NDArray,
    seconds: tuple[ArrayLike, ArrayLike],
    magnitudes: tuple[ArrayLike, ArrayLike],
) -> NDArray[np.float64]:
    """Log-likelihood ratios (k,) of scores (k,) and what else the calibration looks at.

    seconds, magnitudes: (k,) of both sides, the recordings' and the lengths of their embeddings.
    """
    columns: dict[str, NDArray] = {SCORE: scores}
    if len(calibration.weights) > 1:
        columns |= duration_columns(*seconds) | magnitude_columns(*magnitudes)
    known = {name: columns[name] for name in calibration.weights}
    return calibration.log_likelihood_ratios(known)
