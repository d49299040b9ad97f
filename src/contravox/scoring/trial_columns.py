"""What calibration looks at, of a trial list."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contravox.embeddings import Embeddings
from contravox.errors import ScoringError
from contravox.scoring.calibration_columns import (
    COHORT,
    SCORE,
    Quality,
    duration_columns,
    magnitude_columns,
    quality_columns,
)
from contravox.scoring.enrolment import enrolment_means
from contravox.scoring.scorer import Scored
from contravox.trials.trial_set import TrialSet


def trial_columns(
    scored: Scored, embeddings: Embeddings, trial_set: TrialSet, quality: Sequence[Quality] = ()
) -> dict[str, NDArray]:
    """Columns (k,) of a trial list for ``Calibration``: the score, and two of each quality.

    Raises ScoringError where the cohort is asked for and there was none.
    """
    columns: dict[str, NDArray] = {SCORE: scored.scores}
    for name in quality:
        if name == "cohort":
            if scored.cohort_means is None:
                raise ScoringError("quality cohort: scores have no cohort: normalise them")
            columns |= quality_columns(COHORT, *scored.cohort_means)
        elif name == "magnitude":
            columns |= magnitude_columns(*_of_sides(embeddings, trial_set, magnitudes(embeddings)))
        else:
            table = trial_set.manifest.table
            seconds = Embeddings(
                table["utterance"].to_list(), table["duration"].to_numpy()[:, None]
            )
            columns |= duration_columns(*_of_sides(embeddings, trial_set, seconds))
    return columns


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
