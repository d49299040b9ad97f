"""How far an error rate would move with other speakers: the bootstrap over speakers.

Trials share speakers, so they are not independent, and resampling trials gives intervals that are
far too narrow. Resampling speakers keeps the dependence: the subsets bootstrap of Bolle, Ratha &
Pankanti (Computer Vision and Image Understanding 93, 2004), where a non-target trial counts for
both its speakers as in the pigeonhole bootstrap of Owen (Annals of Applied Statistics 1, 2007).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contravox.errors import MetricError
from contravox.metrics.detection_cost import lowest_cost
from contravox.metrics.error_rates import DetCurve, check_trials, corners


class Replicates(NamedTuple):
    """Metrics of each replicate; row r of two systems on the same trials has the same speakers.

    equal_error_rate: (replicates,) float64, between 0 and 1.
    minimum_detection_cost: (replicates,) float64, between 0 and 1.
    """

    equal_error_rate: NDArray[np.float64]
    minimum_detection_cost: NDArray[np.float64]


def bootstrap_speakers(
    scores: NDArray,
    targets: NDArray[np.bool_],
    enrolment_speakers: ArrayLike,
    test_speakers: ArrayLike,
    *,
    p_target: float = 0.01,
    replicates: int = 1000,
    seed: int = 0,
) -> Replicates:
    """Measure a system again and again, each time on speakers drawn with replacement.

    A replicate draws as many speakers as there are. Where speaker a was drawn c(a) times, a target
    trial of a counts c(a) times and a non-target trial between a and b counts c(a)·c(b) times. A
    draw that leaves no target or no non-target trial is drawn again. The draws depend on ``seed``
    and the trials alone, whatever the scores and the order of the trials, so that two systems can
    be compared replicate by replicate.

    Args:
        scores: (k,), higher where the speakers are more alike.
        targets: (k,) bool, True where both sides of the trial are one speaker.
        enrolment_speakers: (k,) names or numbers of the speakers enrolled.
        test_speakers: (k,) names or numbers of the speakers tested.
        p_target: prior probability of a target trial, for the detection cost.
        replicates: how many times to draw.
        seed: of the draws.

    Raises:
        MetricError: no trials, one kind of trial only, a score that is not finite, or a trial
            whose speakers are one but which is not a target, or the other way round.
        ValueError: arrays that are not all (k,), ``targets`` not boolean, ``replicates`` below 1.
    """
    scores = check_trials(scores, targets)
    if replicates < 1:
        raise ValueError(f"replicates must be at least 1, got {replicates}")
    speakers, enrolment, test = _number_speakers(targets, enrolment_speakers, test_speakers)

    target_rows, nontarget_rows = np.flatnonzero(targets), np.flatnonzero(~targets)
    target_rows = target_rows[np.argsort(scores[target_rows])]
    nontarget_rows = nontarget_rows[np.argsort(scores[nontarget_rows])]
    points = corners(scores[target_rows], scores[nontarget_rows])
    target_speaker = enrolment[target_rows]
    nontarget_pair = enrolment[nontarget_rows], test[nontarget_rows]

    generator = np.random.default_rng(seed)
    rates, costs = np.empty(replicates), np.empty(replicates)
    row = 0
    while row < replicates:
        drawn = np.bincount(generator.integers(speakers, size=speakers), minlength=speakers)
        # How much lies below each sorted trial; whole numbers, so nothing is rounded.
        below = _sum_below(drawn[target_speaker])
        below_nontarget = _sum_below(drawn[nontarget_pair[0]] * drawn[nontarget_pair[1]])
        if below[-1] == 0 or below_nontarget[-1] == 0:
            continue
        curve = DetCurve(
            miss=below[points.missed] / below[-1],
            false_alarm=1 - below_nontarget[points.rejected] / below_nontarget[-1],
            thresholds=points.thresholds,
        )
        rates[row], _ = curve.crossing()
        costs[row], _ = lowest_cost(curve, p_target=p_target)
        row += 1
    return Replicates(rates, costs)


def percentile_interval(
    values: NDArray[np.float64], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Give the interval that holds the middle ``confidence`` of replicate values (replicates,).

    The percentile interval of Efron & Tibshirani, An Introduction to the Bootstrap, section 13.3.
    Raises ValueError where ``confidence`` is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _number_speakers(
    targets: NDArray[np.bool_], enrolment_speakers: ArrayLike, test_speakers: ArrayLike
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Number speakers 0, 1, ... in the order of their names; give how many, and both sides (k,)."""
    enrolment, test = np.asarray(enrolment_speakers), np.asarray(test_speakers)
    if enrolment.shape != targets.shape or test.shape != targets.shape:
        raise ValueError(
            f"enrolment_speakers and test_speakers must be {targets.shape} like the scores, got "
            f"{enrolment.shape} and {test.shape}"
        )
    names, numbers = np.unique(np.concatenate([enrolment, test]), return_inverse=True)
    enrolment_numbers, test_numbers = np.split(numbers, 2)
    wrong = np.flatnonzero((enrolment_numbers == test_numbers) != targets)
    if wrong.size:
        row = wrong[0]
        kind = "a target" if targets[row] else "a non-target"
        raise MetricError(
            f"trial {row}: {kind} trial of speakers {enrolment[row]} and {test[row]}: "
            "correct the trial list or the manifest"
        )
    return len(names), enrolment_numbers, test_numbers


def _sum_below(weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of the weights (k,) before each place, from 0 to that of all: (k + 1,)."""
    return np.concatenate([[0], np.cumsum(weights)])
