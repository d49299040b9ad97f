"""What was measured of one system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SystemResult:
    """One system on one trial list.

    name: what to call the system.
    labels_used: whether it was trained with speaker labels.
    scores: (k,) score of each trial.
    targets: (k,) bool, which trials are target trials.
    equal_error_rate: between 0 and 1.
    eer_threshold: where misses and false alarms are equally frequent, in units of the scores.
    interval: 95 % interval of the equal error rate, low and high, between 0 and 1.
    minimum_detection_cost: normalised, at P(target) = 0.01, between 0 and 1.
    parameters: how many numbers of the encoder were trained.
    training_seconds: wall-clock time of training.
    losses: for each objective's name its values, as (step, loss) in the order of the steps.
    threshold: at which the system decides, in units of the scores, where one was chosen.
    """

    name: str
    labels_used: bool
    scores: NDArray
    targets: NDArray[np.bool_]
    equal_error_rate: float
    eer_threshold: float
    interval: tuple[float, float]
    minimum_detection_cost: float
    parameters: int
    training_seconds: float
    losses: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    threshold: float | None = None
