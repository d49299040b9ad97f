"""What calibration may look at: a trial's score, and how good its recordings are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contravox.embeddings import Embeddings
from contravox.errors import ScoringError, quoted
from contravox.scoring.calibration import Calibration
from contravox.scoring.enrolment import enrolment_means
from contravox.scoring.scorer import Scored
from contravox.trials.trial_set import TrialSet

Quality = Literal["duration", "bandwidth", "magnitude", "cohort"]
"""How long both recordings are, how high they reach, the length of the embedding, the mean score
against a cohort."""

SCORE, DURATION, BANDWIDTH = "score", "log duration", "bandwidth"
MAGNITUDE, COHORT = "magnitude", "cohort mean"


@dataclass(frozen=True)
class Side:
    """What is known of one side of k comparisons, each (k,); of several recordings their mean.

    seconds: of the recording; bandwidth: in Hz, see ``audio.quality``, NaN where it is not known:
    then it is taken to be the other side's; magnitude: the length of the embedding.
    """

    seconds: ArrayLike
    bandwidth: ArrayLike
    magnitude: ArrayLike


def trial_columns(
    scored: Scored,
    embeddings: Embeddings,
    trial_set: TrialSet,
    quality: Sequence[Quality] = (),
    bandwidths: Embeddings | None = None,
) -> dict[str, NDArray]:
    """Columns (k,) of a trial list for ``Calibration``: the score, and one or two of each quality.

    bandwidths: (n, 1) in Hz of the utterances, where they are known.

    Raises ScoringError where the cohort or bandwidths are asked for and there are none.
    """
    columns: dict[str, NDArray] = {SCORE: scored.scores}
    for name in quality:
        if name == "cohort":
            if scored.cohort_means is None:
                raise ScoringError("quality cohort: scores have no cohort: normalise them")
            columns |= quality_columns(COHORT, *scored.cohort_means)
        elif name == "bandwidth":
            if bandwidths is None:
                raise ScoringError(
                    "quality bandwidth: of embeddings alone it is not known: let "
                    "`contravox evaluate` hear the recordings"
                )
            columns |= bandwidth_columns(*_of_sides(embeddings, trial_set, bandwidths))
        elif name == "magnitude":
            columns |= magnitude_columns(*_of_sides(embeddings, trial_set, magnitudes(embeddings)))
        else:
            table = trial_set.manifest.table
            seconds = Embeddings(
                table["utterance"].to_list(), table["duration"].to_numpy()[:, None]
            )
            columns |= duration_column(*_of_sides(embeddings, trial_set, seconds))
    return columns


def qualities(calibration: Calibration) -> tuple[Quality, ...]:
    """What a calibration looks at beside the score."""
    signs: dict[Quality, str] = {
        "duration": DURATION,
        "bandwidth": f"lower {BANDWIDTH}",
        "magnitude": f"lower {MAGNITUDE}",
        "cohort": f"lower {COHORT}",
    }
    return tuple(quality for quality, name in signs.items() if name in calibration.weights)


def duration_column(enrolment: ArrayLike, test: ArrayLike) -> dict[str, NDArray]:
    """ln of the harmonic mean of the seconds (k,) of both sides.

    What an embedding misses of a voice falls about as 1/seconds, and that of a score is the sum of
    both sides'. So a word decides how much a minute beside it is worth; with a weight for the
    shorter and one for the longer side, learned where both are of some seconds, a minute beside a
    word would outweigh it.
    """
    sum_of_inverses = 1 / np.asarray(enrolment, float) + 1 / np.asarray(test, float)
    return {DURATION: np.log(2 / sum_of_inverses)}


def bandwidth_columns(enrolment: ArrayLike, test: ArrayLike) -> dict[str, NDArray]:
    """The lower and the higher of both sides' bandwidths, in Hz (k,) here, in kHz there.

    Through one narrow line all voices sound more alike, and two recordings of one voice less where
    only one came through it. What is not known of one side (NaN) is taken to be as on the other, so
    that nobody is accepted for a difference that may not be there.
    """
    one, other = np.asarray(enrolment) / 1e3, np.asarray(test) / 1e3
    return quality_columns(
        BANDWIDTH, np.where(np.isnan(one), other, one), np.where(np.isnan(other), one, other)
    )


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
    calibration: Calibration, scores: NDArray, one: Side, other: Side
) -> NDArray[np.float64]:
    """Log-likelihood ratios (k,) of scores (k,) and what else the calibration looks at.

    Raises ScoringError for a calibration that looks at anything else.
    """
    columns: dict[str, NDArray] = {SCORE: scores}
    if len(calibration.weights) > 1:
        columns |= duration_column(one.seconds, other.seconds)
        columns |= bandwidth_columns(one.bandwidth, other.bandwidth)
        columns |= magnitude_columns(one.magnitude, other.magnitude)
    unknown = calibration.weights.keys() - columns.keys()
    if unknown:
        raise ScoringError(
            f"the model's calibration looks at {quoted(min(unknown))}, which is not known of two "
            "recordings: calibrate it again with `contravox calibrate`"
        )
    known = {name: columns[name] for name in calibration.weights}
    return calibration.log_likelihood_ratios(known)


def magnitudes(embeddings: Embeddings) -> Embeddings:
    """The length of each embedding, (n, 1)."""
    lengths = np.linalg.norm(embeddings.vectors, axis=1, keepdims=True)
    return Embeddings(embeddings.utterances, lengths)


def _of_sides(
    embeddings: Embeddings, trial_set: TrialSet, measure: Embeddings
) -> tuple[NDArray, NDArray]:
    """(k,) values of a measure (n, 1) of each trial's enrolment and test."""
    enrolled = measure
    if trial_set.enrolments is not None:
        enrolled, _ = enrolment_means(measure, trial_set.enrolments)
    table = trial_set.trials.table
    return (
        enrolled.vectors[enrolled.rows(table["enrolment"]), 0],
        measure.vectors[measure.rows(table["test"]), 0],
    )
