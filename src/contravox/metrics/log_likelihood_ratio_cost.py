"""What log-likelihood ratios are worth over all priors and costs, in bits."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from contravox.metrics.det_curve import DetCurve, det_curve


def log_likelihood_ratio_cost(log_likelihood_ratios: NDArray, targets: NDArray[np.bool_]) -> float:
    """Give Cllr, the cost of log-likelihood ratios (Brümmer & du Preez 2006).

    Half the mean of ``log2(1 + exp(−llr))`` over target trials and of ``log2(1 + exp(llr))`` over
    non-target trials. It is 1 for ratios that say nothing, all 0, and more for worse than that.

    log_likelihood_ratios: (k,) natural logarithms, as calibration gives them; the cost of cosine
    scores would mean nothing. targets: (k,) bool, True where both sides of the trial are one
    speaker.

    Raises MetricError for no trials, one kind of trial only, or a score that is not finite;
    ValueError where the arrays are not both (k,), or ``targets`` is not boolean.
    """
    return ratio_cost(det_curve(log_likelihood_ratios, targets))


def ratio_cost(curve: DetCurve) -> float:
    """Give Cllr of a curve of log-likelihood ratios; see ``log_likelihood_ratio_cost``."""
    miss = np.logaddexp(0, -curve.target_scores, dtype=np.float64).mean()
    false_alarm = np.logaddexp(0, curve.nontarget_scores, dtype=np.float64).mean()
    return float(miss + false_alarm) / (2 * math.log(2))


def minimum_log_likelihood_ratio_cost(scores: NDArray, targets: NDArray[np.bool_]) -> float:
    """Give minCllr: Cllr after the best calibration that keeps the scores' order.

    That is the pool-adjacent-violators algorithm on these very trials (Brümmer & du Preez 2006). So
    it is at most 1 and at most Cllr; the rest of Cllr is what calibration loses.

    scores: (k,), higher where the speakers are more alike, in any unit. targets: (k,) bool, True
    where both sides of the trial are one speaker.

    Raises MetricError for no trials, one kind of trial only, or a score that is not finite;
    ValueError where the arrays are not both (k,), or ``targets`` is not boolean.
    """
    return minimum_ratio_cost(det_curve(scores, targets))


def minimum_ratio_cost(curve: DetCurve) -> float:
    """Give minCllr of a curve; see ``minimum_log_likelihood_ratio_cost``.

    Trials on one side of the hull share their ratio: the side's share m of the target trials over
    its share f of the non-target trials. It costs ``m·log(1 + f/m) + f·log(1 + m/f)``.
    """
    miss = np.diff(curve.miss[curve.hull])
    false_alarm = -np.diff(curve.false_alarm[curve.hull])
    both = miss + false_alarm
    cost = -(rel_entr(miss, both) + rel_entr(false_alarm, both)).sum()
    return float(cost) / (2 * math.log(2))
