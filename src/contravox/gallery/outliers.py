"""Utterances of an enrolment unlike the others: of another voice, or with too much noise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contravox.gallery.results import Outlier
from contravox.gallery.voices import means_of_known
from contravox.inference.voiceprint import Voiceprint
from contravox.scoring.calibration import Calibration
from contravox.scoring.calibration_columns import Side, ratios_of

LEAST_RATIO = -1.0
"""Log-likelihood ratio, that an utterance is of the speaker of the others, below which it is
doubted. With the model that comes along, of another's utterances 79 % lie below, of one's own next
to none: docs/gallery.md."""


def find_outliers(
    new: Sequence[Voiceprint],
    kept: NDArray[np.float32],
    kept_seconds: NDArray[np.float64],
    kept_bandwidths: NDArray[np.float64],
    calibration: Calibration | None,
    threshold: float | None,
) -> list[Outlier]:
    """Hold each new utterance against the mean of all others: of the new and of those kept.

    kept: (k, d) embeddings of the speaker that are there already, of recordings of so many seconds
    and such bandwidths (k,), NaN where these are not known. calibration, threshold: by which it is
    decided; a calibration comes first. Without either no utterance is an outlier, nor is one that
    is alone.
    """
    if not new or len(new) + len(kept) < 2 or (calibration is None and threshold is None):
        return []
    vectors = np.concatenate([np.stack([each.vector for each in new]), kept]).astype(np.float64)
    seconds = np.concatenate([[each.quality.seconds for each in new], kept_seconds])
    bandwidths = np.concatenate([[each.quality.bandwidth for each in new], kept_bandwidths])
    lengths = np.linalg.norm(vectors, axis=1)
    units = vectors / lengths[:, None]
    found = []
    for place, voiceprint in enumerate(new):
        rest = np.arange(len(units)) != place
        mean = units[rest].mean(axis=0)
        score = float(units[place] @ mean / max(np.linalg.norm(mean), 1e-12))
        if calibration is None:
            if threshold is not None and score < threshold:
                found.append(Outlier(voiceprint.name, score, None))
            continue
        known = (seconds, bandwidths, lengths)
        others = Side(*(means_of_known(each[rest], np.array([0])) for each in known))
        own = Side(*(each[[place]] for each in known))
        ratio = float(ratios_of(calibration, np.array([score]), others, own)[0])
        if ratio < LEAST_RATIO:
            found.append(Outlier(voiceprint.name, score, ratio))
    return found
