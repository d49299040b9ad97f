"""From how a recording compares with speakers to a decision."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from contravox.embedding_model import ModelDescription
from contravox.errors import ScoringError
from contravox.gallery.settings import GallerySettings
from contravox.metrics.decision import bayes_threshold
from contravox.scoring.calibration import Calibration

EVEN = 0.5


@dataclass(frozen=True)
class Rule:
    """What decides: a threshold given, or else the gallery's calibration, its threshold, the
    model's calibration, or the model's threshold.

    calibration: by which log-likelihood ratios are told, even where a threshold given decides.
    threshold: of scores, None where the calibration decides. source: where that is from, None where
    nothing decides.
    """

    calibration: Calibration | None
    threshold: float | None
    source: str | None

    @classmethod
    def of(
        cls,
        model: ModelDescription,
        gallery: GallerySettings,
        threshold: float | None = None,
        prior: object = None,
        *,
        normalised: bool = False,
    ) -> "Rule":
        """threshold, prior: those given, if any. normalised: whether the scores are, of which the
        model's calibration and threshold say nothing.

        Raises ScoringError for a threshold that is not finite, or a prior that says nothing to it.
        """
        if normalised:
            model = model.model_copy(update={"calibration": None, "threshold": None})
        calibration = gallery.calibration
        if calibration is None and gallery.threshold is None:
            calibration = model.calibration
        if threshold is not None and not math.isfinite(threshold):
            raise ScoringError(f"threshold {threshold}: give a finite one")
        if prior is not None and calibration is None:
            raise ScoringError(
                "neither the model nor the gallery is calibrated, so a prior says nothing to it: "
                "calibrate the model with `contravox calibrate`, or give a threshold"
            )
        if threshold is not None:
            return cls(calibration, threshold, "the threshold given")
        if gallery.calibration is not None:
            return cls(calibration, None, "the gallery's calibration")
        if gallery.threshold is not None:
            return cls(None, gallery.threshold, "the gallery's threshold")
        if model.calibration is not None:
            trials = model.calibration_source or "unnamed trials"
            return cls(calibration, None, f"calibration learned on {trials}")
        if model.threshold is not None:
            trials = model.threshold_source or "unnamed trials"
            return cls(None, model.threshold, f"the threshold set on {trials}")
        return cls(None, None, None)

    def accepts(
        self,
        score: float,
        ratio: float | None,
        p_target: float = EVEN,
        c_miss: float = 1.0,
        c_false_alarm: float = 1.0,
    ) -> bool | None:
        """Whether a claim is accepted; None where nothing decides.

        p_target, c_miss, c_false_alarm: by which a calibration decides.
        """
        if self.threshold is not None:
            return score >= self.threshold
        if ratio is None:
            return None
        return ratio >= bayes_threshold(p_target, c_miss, c_false_alarm)


def open_set_posteriors(
    ratios: NDArray[np.float64], known: float = EVEN
) -> tuple[NDArray[np.float64], float]:
    """Probability that a recording is of each speaker, (n,), and that it is of none of them.

    With the probability ``known`` that somebody enrolled speaks, each of n with the same, and log-
    likelihood ratios rᵢ of each against a stranger, Bayes' rule gives
    pᵢ = (known/n)·e^rᵢ / ((1 − known) + (known/n)·Σⱼ e^rⱼ).

    ratios: (n,), of which -inf is nobody and does not count. Raises ScoringError where ``known`` is
    not between 0 and 1.
    """
    if not 0 < known < 1:
        raise ScoringError(f"prior {known}: give a probability between 0 and 1")
    there = int(np.isfinite(ratios).sum())
    if not there:
        return np.zeros(len(ratios)), 1.0
    weights = np.append(ratios + np.log(known / there), np.log1p(-known))
    posteriors = special.softmax(weights)
    return posteriors[:-1], float(posteriors[-1])
