"""From the score of two recordings to a decision."""

import math
from dataclasses import dataclass

from contravox.embedding_model import ModelDescription
from contravox.errors import ScoringError
from contravox.metrics.decision import bayes_threshold, check_costs, check_prior
from contravox.scoring.calibration import Calibration


@dataclass(frozen=True)
class Prior:
    """What is known before listening, and what errors cost.

    p_target: how likely the two are one speaker, between 0 and 1. c_miss, c_false_alarm: costs of
    missing the speaker and of taking another for them; only their ratio matters.

    Raises ScoringError for a probability not between 0 and 1, or a cost that is not positive.
    """

    p_target: float = 0.5
    c_miss: float = 1.0
    c_false_alarm: float = 1.0

    def __post_init__(self) -> None:
        # Named as whoever decides states them, not as the metrics' arguments.
        try:
            check_prior(self.p_target)
        except ValueError:
            raise ScoringError(
                f"prior {self.p_target:g}: give a probability between 0 and 1"
            ) from None
        for error, cost in (("miss", self.c_miss), ("false alarm", self.c_false_alarm)):
            try:
                check_costs(cost, cost)
            except ValueError:
                raise ScoringError(
                    f"cost of a {error} {cost:g}: give a finite number above 0"
                ) from None


@dataclass(frozen=True)
class Rule:
    """What decides: a threshold, or else a calibration.

    calibration: by which log-likelihood ratios are told, even where a threshold decides.
    threshold: of scores, None where the calibration decides. source: where what decides is from,
    None where nothing does.
    """

    calibration: Calibration | None
    threshold: float | None
    source: str | None

    @classmethod
    def of(cls, model: ModelDescription) -> "Rule":
        """A model's: its calibration, or else its threshold."""
        if model.calibration is not None:
            trials = model.calibration_source or "unnamed trials"
            return cls(model.calibration, None, f"calibration learned on {trials}")
        if model.threshold is not None:
            trials = model.threshold_source or "unnamed trials"
            return cls(None, model.threshold, f"the threshold set on {trials}")
        return cls(None, None, None)

    def given(self, threshold: float | None, prior: object) -> "Rule":
        """The rule where a threshold may be given, which decides in its stead, and a prior.

        Raises ScoringError for a threshold that is not finite, or a prior without a calibration,
        to which alone it says anything.
        """
        if prior is not None and self.calibration is None:
            raise ScoringError(
                "nothing is calibrated, so a prior and costs say nothing: calibrate the model with "
                "`contravox calibrate`, or give a threshold"
            )
        if threshold is None:
            return self
        if not math.isfinite(threshold):
            raise ScoringError(f"threshold {threshold}: give a finite one")
        return Rule(self.calibration, threshold, "the threshold given")

    def accepts(self, score: float, ratio: float | None, prior: Prior) -> bool | None:
        """Whether two are one speaker; None where nothing decides.

        ratio: the score's log-likelihood ratio, where there is a calibration. prior: by which that
        decides, so that errors cost least.
        """
        if self.threshold is not None:
            return bool(score >= self.threshold)
        if ratio is None:
            return None
        return bool(ratio >= bayes_threshold(prior.p_target, prior.c_miss, prior.c_false_alarm))


def in_per_cent(probability: float) -> str:
    """A probability for people, never surer than a calibration can be."""
    if probability > 0.999:
        return "over 99.9%"
    if probability < 0.001:
        return "under 0.1%"
    return f"{probability:.1%}"
