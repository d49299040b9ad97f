"""The cost of deciding at the best threshold, as in the NIST speaker recognition evaluations."""

import numpy as np
from numpy.typing import NDArray

from contravox.metrics.error_rates import DetCurve, det_curve


def lowest_cost(
    curve: DetCurve, *, p_target: float = 0.01, c_miss: float = 1.0, c_false_alarm: float = 1.0
) -> tuple[float, float]:
    """Give the lowest normalised detection cost on a DET curve and its threshold.

    See ``minimum_detection_cost``. Raises ValueError where ``p_target`` is not between 0 and 1 or
    a cost is not positive.
    """
    if not 0 < p_target < 1:
        raise ValueError(f"p_target must be between 0 and 1, got {p_target}")
    if c_miss <= 0 or c_false_alarm <= 0:
        raise ValueError(f"costs must be positive, got {c_miss=} and {c_false_alarm=}")
    miss_cost = c_miss * p_target
    false_alarm_cost = c_false_alarm * (1 - p_target)
    costs = miss_cost * curve.miss + false_alarm_cost * curve.false_alarm
    best = int(np.argmin(costs))
    return (
        float(costs[best] / min(miss_cost, false_alarm_cost)),
        float(curve.thresholds[best]),
    )


def minimum_detection_cost(
    scores: NDArray,
    targets: NDArray[np.bool_],
    *,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_false_alarm: float = 1.0,
) -> tuple[float, float]:
    """Give the lowest detection cost over all thresholds, normalised, and its threshold.

    The cost at a threshold is ``C_miss·P·miss + C_fa·(1−P)·false alarm``, divided by that of the
    better of accepting and rejecting every trial, ``min(C_miss·P, C_fa·(1−P))`` (NIST SRE 2016
    evaluation plan, section 3). So it is at most 1, reached by a system that is of no help.

    Args:
        scores: (k,), higher where the speakers are more alike.
        targets: (k,) bool, True where both sides of the trial are one speaker.
        p_target: P, the prior probability of a target trial where the system is to be used.
        c_miss: cost of one miss.
        c_false_alarm: cost of one false alarm.

    Returns:
        The cost between 0 and 1, and a threshold that reaches it in units of the scores; infinite
        or above every score where no trial should be accepted.

    Raises:
        MetricError: no trials, one kind of trial only, or a score that is not finite.
        ValueError: arrays of the wrong shape or type, a prior or cost out of range.
    """
    curve = det_curve(scores, targets)
    return lowest_cost(curve, p_target=p_target, c_miss=c_miss, c_false_alarm=c_false_alarm)
