"""The cost of deciding, at the best threshold and at the one that prior and costs call for.

As in the NIST speaker recognition evaluations: the cost at a threshold is
``C_miss·P·miss + C_fa·(1−P)·false alarm``, divided by that of the better of accepting and rejecting
every trial, ``min(C_miss·P, C_fa·(1−P))`` (NIST SRE 2016 evaluation plan, section 3).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contravox.metrics.decision import bayes_threshold, check_costs, check_prior
from contravox.metrics.det_curve import DetCurve, det_curve


def minimum_detection_cost(
    scores: NDArray,
    targets: NDArray[np.bool_],
    *,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_false_alarm: float = 1.0,
) -> tuple[float, float]:
    """Give the lowest detection cost over all thresholds, normalised, and its threshold.

    It is at most 1, reached by a system that is of no help.

    scores: (k,), higher where the speakers are more alike. targets: (k,) bool, True where both
    sides of the trial are one speaker. p_target: P, the prior probability of a target trial where
    the system is to be used. c_miss: cost of one miss. c_false_alarm: cost of one false alarm.

    Returns the cost between 0 and 1, and a threshold that reaches it in units of the scores;
    infinite or above every score where no trial should be accepted.

    Raises MetricError for no trials, one kind of trial only, or a score that is not finite;
    ValueError for arrays of the wrong shape or type, a prior or cost out of range.
    """
    curve = det_curve(scores, targets)
    costs, thresholds = lowest_costs(curve, [p_target], c_miss=c_miss, c_false_alarm=c_false_alarm)
    return float(costs[0]), float(thresholds[0])


def lowest_costs(
    curve: DetCurve, p_targets: Sequence[float], *, c_miss: float = 1.0, c_false_alarm: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the minimum detection costs (q,) at priors (q,), and their thresholds (q,).

    See ``minimum_detection_cost``. Raises ValueError where a prior is not between 0 and 1 or a cost
    is not positive.
    """
    rows = curve.hull
    costs = np.stack(
        [
            normalised_cost(
                curve.miss[rows],
                curve.false_alarm[rows],
                p_target=p_target,
                c_miss=c_miss,
                c_false_alarm=c_false_alarm,
            )
            for p_target in p_targets
        ]
    )
    return costs.min(axis=1), curve.thresholds[rows[costs.argmin(axis=1)]]


def actual_detection_cost(
    log_likelihood_ratios: NDArray,
    targets: NDArray[np.bool_],
    *,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_false_alarm: float = 1.0,
) -> float:
    """Give the detection cost, normalised, of deciding where prior and costs say.

    A trial is accepted where its log-likelihood ratio is at or above
    ``log(C_fa·(1−P) / (C_miss·P))``. Scores that are well calibrated come close to their minimum
    cost; others may cost more than 1, that is, more than not listening at all.

    log_likelihood_ratios: (k,) natural logarithms, as calibration gives them; the cost of cosine
    scores would mean nothing. targets: (k,) bool, True where both sides of the trial are one
    speaker. p_target: P, the prior probability of a target trial where the system is to be used.
    c_miss: cost of one miss. c_false_alarm: cost of one false alarm.

    Raises MetricError for no trials, one kind of trial only, or a score that is not finite;
    ValueError for arrays of the wrong shape or type, a prior or cost out of range.
    """
    curve = det_curve(log_likelihood_ratios, targets)
    costs = actual_costs(curve, [p_target], c_miss=c_miss, c_false_alarm=c_false_alarm)
    return float(costs[0])


def actual_costs(
    curve: DetCurve, p_targets: Sequence[float], *, c_miss: float = 1.0, c_false_alarm: float = 1.0
) -> NDArray[np.float64]:
    """Give the actual detection costs (q,) at priors (q,) of a curve of log-likelihood ratios.

    See ``actual_detection_cost``. Raises ValueError where a prior is not between 0 and 1 or a cost
    is not positive.
    """
    costs = []
    for p_target in p_targets:
        threshold = bayes_threshold(p_target, c_miss, c_false_alarm)
        missed = np.searchsorted(curve.target_scores, threshold)
        rejected = np.searchsorted(curve.nontarget_scores, threshold)
        costs.append(
            normalised_cost(
                missed / len(curve.target_scores),
                1 - rejected / len(curve.nontarget_scores),
                p_target=p_target,
                c_miss=c_miss,
                c_false_alarm=c_false_alarm,
            )
        )
    return np.array(costs)


def normalised_cost(
    miss: ArrayLike,
    false_alarm: ArrayLike,
    *,
    p_target: float,
    c_miss: float = 1.0,
    c_false_alarm: float = 1.0,
) -> NDArray[np.float64]:
    """Give the detection costs of miss and false-alarm rates, both of any one shape.

    Raises ValueError where ``p_target`` is not between 0 and 1 or a cost is not positive.
    """
    check_prior(p_target)
    check_costs(c_miss, c_false_alarm)
    miss_cost, false_alarm_cost = c_miss * p_target, c_false_alarm * (1 - p_target)
    cost = miss_cost * np.asarray(miss) + false_alarm_cost * np.asarray(false_alarm)
    return cost / min(miss_cost, false_alarm_cost)
