"""What was measured of one system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contravox.report.embedding_map import EmbeddingMap


class DetectionCost(NamedTuple):
    """What deciding costs at one prior, normalised.

    p_target: the prior, between 0 and 1.
    minimum: at the best threshold, between 0 and 1.
    interval: 95 % interval of the minimum, low and high.
    actual: at the threshold that the prior calls for, of calibrated scores.
    """

    p_target: float
    minimum: float
    interval: tuple[float, float] | None = None
    actual: float | None = None


class DetBand(NamedTuple):
    """95 % interval of the miss rate at some false-alarm rates.

    false_alarm: (f,) ascending, between 0 and 1; low, high: (f,) miss rates.
    """

    false_alarm: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class ConditionResult(NamedTuple):
    """What was measured of the trials of one condition.

    column: what the trials were grouped by, such as ``sex``; condition: such as ``female``.
    targets, nontargets: how many trials.
    equal_error_rate: between 0 and 1; None where the condition holds one kind of trial only.
    interval: 95 % interval of the equal error rate, low and high.
    """

    column: str
    condition: str
    targets: int
    nontargets: int
    equal_error_rate: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class SystemResult:
    """One system on one trial list; None is what is not known of it.

    name: what to call the system.
    scores: (k,) score of each trial.
    targets: (k,) bool, which trials are target trials.
    equal_error_rate: between 0 and 1.
    eer_threshold: where misses and false alarms are equally frequent, in units of the scores.
    detection_costs: at one prior or several.
    interval: 95 % interval of the equal error rate, low and high, between 0 and 1.
    det_band: how far the DET curve would move with other speakers.
    labels_used: whether it was trained with speaker labels.
    parameters: how many numbers of the encoder were trained.
    training_seconds: wall-clock time of training.
    losses: for each objective's name its values, as (step, loss) in the order of the steps.
    threshold: at which the system decides, in units of the scores, where one was chosen.
    log_likelihood_ratios: (k,) natural logarithms, where the scores were calibrated.
    log_likelihood_ratio_cost: Cllr in bits, of these.
    minimum_log_likelihood_ratio_cost: Cllr of the best calibration, in bits.
    conditions: of parts of the trials.
    embedding_map: of some of the utterances.
    """

    name: str
    scores: NDArray
    targets: NDArray[np.bool_]
    equal_error_rate: float
    eer_threshold: float
    detection_costs: Sequence[DetectionCost]
    interval: tuple[float, float] | None = None
    det_band: DetBand | None = None
    labels_used: bool | None = None
    parameters: int | None = None
    training_seconds: float | None = None
    losses: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    threshold: float | None = None
    log_likelihood_ratios: NDArray | None = None
    log_likelihood_ratio_cost: float | None = None
    minimum_log_likelihood_ratio_cost: float | None = None
    conditions: Sequence[ConditionResult] = ()
    embedding_map: EmbeddingMap | None = None

    @property
    def minimum_detection_cost(self) -> float:
        """At the first prior, normalised, between 0 and 1."""
        return self.detection_costs[0].minimum

    @property
    def decision_threshold(self) -> float:
        """Where the system decides: the threshold chosen, or else that of the equal error rate."""
        return self.eer_threshold if self.threshold is None else self.threshold
