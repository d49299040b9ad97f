"""What a system's scores on a trial list are worth: the numbers, how they are found, and as JSON.

Of scores alone, whatever made them; ``evaluation`` makes them of embeddings, ``model_evaluation``
makes the embeddings.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contravox.evaluation.conditions import ConditionResult
from contravox.metrics.bootstrap import (
    Replicates,
    bootstrap_speakers,
    percentile_band,
    percentile_interval,
)
from contravox.metrics.det_curve import det_curve
from contravox.metrics.detection_cost import actual_costs, lowest_costs
from contravox.metrics.error_rates import crossing
from contravox.metrics.log_likelihood_ratio_cost import minimum_ratio_cost, ratio_cost
from contravox.trials.trial_set import TrialSet

P_TARGETS = (0.01, 0.05)
"""The priors at which detection costs are usually published."""

BAND = np.geomspace(1e-4, 0.9, 60)
"""False-alarm rates at which the bands of DET curves are found."""


SAME = 1e-9
"""Rates that differ by no more are of the same order of trials."""


class DetectionCost(NamedTuple):
    """What deciding costs at one prior, normalised.

    p_target: the prior, between 0 and 1.
    minimum: at the best threshold, between 0 and 1.
    interval: 95 % interval of the minimum, low and high.
    actual: at the threshold that the prior calls for, of log-likelihood ratios.
    minimum_of_ratios: at the best threshold of these, where they rank trials otherwise.
    """

    p_target: float
    minimum: float
    interval: tuple[float, float] | None = None
    actual: float | None = None
    minimum_of_ratios: float | None = None


class DetBand(NamedTuple):
    """95 % interval of the miss rate at some false-alarm rates.

    false_alarm: (f,) ascending, between 0 and 1; low, high: (f,) miss rates.
    """

    false_alarm: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model beside its scores; None is what is not known.

    labels_used: whether it was trained with speaker labels.
    parameters: how many numbers of the encoder were trained.
    training_seconds: wall-clock time of training.
    objective_shares: each objective's mean share of the encoder's gradient, between 0 and 1.
    threshold: at which it decides, in units of the scores, where one was chosen.
    losses: for each objective's name its values, as (step, loss) in the order of the steps.
    """

    labels_used: bool | None = None
    parameters: int | None = None
    training_seconds: float | None = None
    objective_shares: Mapping[str, float] = field(default_factory=dict)
    threshold: float | None = None
    losses: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class SystemResult:
    """One system on one trial list; None is what was not measured.

    name: what to call the system.
    scores: (k,) score of each trial.
    targets: (k,) bool, which trials are target trials.
    equal_error_rate: between 0 and 1.
    eer_threshold: where misses and false alarms are equally frequent, in units of the scores.
    detection_costs: at one prior or several.
    interval: 95 % interval of the equal error rate, low and high, between 0 and 1.
    det_band: how far the DET curve would move with other speakers.
    log_likelihood_ratios: (k,) natural logarithms, where the scores were calibrated.
    ratio_equal_error_rate: of these, where they rank trials otherwise than the scores, as where
        calibration looks at more than the score.
    log_likelihood_ratio_cost: Cllr in bits, of these.
    minimum_log_likelihood_ratio_cost: Cllr of the best calibration, in bits.
    conditions: of parts of the trials.
    model: what else is known of the system.
    """

    name: str
    scores: NDArray
    targets: NDArray[np.bool_]
    equal_error_rate: float
    eer_threshold: float
    detection_costs: Sequence[DetectionCost]
    interval: tuple[float, float] | None = None
    det_band: DetBand | None = None
    log_likelihood_ratios: NDArray | None = None
    ratio_equal_error_rate: float | None = None
    log_likelihood_ratio_cost: float | None = None
    minimum_log_likelihood_ratio_cost: float | None = None
    conditions: Sequence[ConditionResult] = ()
    model: ModelFacts = ModelFacts()

    @property
    def minimum_detection_cost(self) -> float:
        """At the first prior, normalised, between 0 and 1."""
        return self.detection_costs[0].minimum

    @property
    def decision_threshold(self) -> float:
        """Where the system decides: the threshold chosen, or else that of the equal error rate."""
        chosen = self.model.threshold
        return self.eer_threshold if chosen is None else chosen

    @property
    def metrics(self) -> dict[str, Any]:
        """The numbers, for programs."""
        return {
            "system": self.name,
            "labels_used": self.model.labels_used,
            "equal_error_rate": self.equal_error_rate,
            "equal_error_rate_interval": self.interval,
            "eer_threshold": self.eer_threshold,
            "ratio_equal_error_rate": self.ratio_equal_error_rate,
            "detection_costs": [cost._asdict() for cost in self.detection_costs],
            "log_likelihood_ratio_cost": self.log_likelihood_ratio_cost,
            "minimum_log_likelihood_ratio_cost": self.minimum_log_likelihood_ratio_cost,
            "conditions": [condition._asdict() for condition in self.conditions],
            "threshold": self.model.threshold,
            "parameters": self.model.parameters,
            "training_seconds": self.model.training_seconds,
            "objective_shares": dict(self.model.objective_shares),
        }


def measure(
    name: str,
    scores: NDArray,
    trial_set: TrialSet,
    *,
    log_likelihood_ratios: NDArray | None = None,
    p_targets: Sequence[float] = P_TARGETS,
    replicates: int = 1000,
    progress: Callable[[int, int], None] = lambda *_: None,
    conditions: Sequence[ConditionResult] = (),
    model: ModelFacts = ModelFacts(),
) -> SystemResult:
    """Measure scores (k,) of a trial list, with intervals by bootstrap over its speakers.

    There are no intervals where the manifest does not know who speaks.

    log_likelihood_ratios: (k,), where the scores were calibrated. progress: of the bootstrap.
    name, conditions, model: see ``SystemResult``.

    Raises MetricError for scores from which no error rate follows.
    """
    targets = trial_set.trials.targets
    curve = det_curve(scores, targets)
    rate, threshold = crossing(curve)
    costs, _ = lowest_costs(curve, p_targets)
    drawn = _replicates(scores, trial_set, p_targets, replicates, progress)
    intervals: list[tuple[float, float] | None] = [None] * len(p_targets)
    if drawn is not None:
        intervals = [percentile_interval(column) for column in drawn.minimum_detection_cost.T]
    actual: Sequence[float | None] = [None] * len(p_targets)
    lowest_of_ratios: Sequence[float | None] = [None] * len(p_targets)
    ratio_rate = cost = lowest_cost = None
    if log_likelihood_ratios is not None:
        ratios = det_curve(log_likelihood_ratios, targets)
        actual = actual_costs(ratios, p_targets).tolist()
        cost, lowest_cost = ratio_cost(ratios), minimum_ratio_cost(ratios)
        found, (lowest, _) = crossing(ratios)[0], lowest_costs(ratios, p_targets)
        if not np.allclose([rate, *costs], [found, *lowest], rtol=0, atol=SAME):
            ratio_rate, lowest_of_ratios = found, lowest.tolist()
    return SystemResult(
        name=name,
        scores=scores,
        targets=targets,
        equal_error_rate=rate,
        eer_threshold=threshold,
        detection_costs=[
            DetectionCost(*each)
            for each in zip(
                p_targets, costs.tolist(), intervals, actual, lowest_of_ratios, strict=True
            )
        ],
        interval=None if drawn is None else percentile_interval(drawn.equal_error_rate),
        det_band=None if drawn is None else DetBand(BAND, *percentile_band(drawn.miss)),
        log_likelihood_ratios=log_likelihood_ratios,
        ratio_equal_error_rate=ratio_rate,
        log_likelihood_ratio_cost=cost,
        minimum_log_likelihood_ratio_cost=lowest_cost,
        conditions=conditions,
        model=model,
    )


def _replicates(
    scores: NDArray,
    trial_set: TrialSet,
    p_targets: Sequence[float],
    replicates: int,
    progress: Callable[[int, int], None],
) -> Replicates | None:
    if not trial_set.manifest.speakers_known:
        return None
    return bootstrap_speakers(
        scores,
        trial_set.trials.targets,
        trial_set.enrolment_speakers,
        trial_set.test_speakers,
        p_targets=p_targets,
        false_alarms=BAND.tolist(),
        replicates=replicates,
        progress=progress,
    )
