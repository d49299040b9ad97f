"""Miss and false-alarm rates over every threshold, and where they are equal.

A trial is accepted when its score is at or above the threshold. A miss is a target trial that is
not accepted, a false alarm a non-target trial that is.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contravox.errors import MetricError


class DetCurve(NamedTuple):
    """Detection error trade-off (Martin et al., Eurospeech 1997), by ascending threshold.

    miss: (p,) float64, rises from 0 to 1.
    false_alarm: (p,) float64, falls from 1 to 0.
    thresholds: (p,) float64, in units of the scores; the last is infinite and accepts nothing.

    Points between two corners of the staircase are left out: they lie on the straight line between
    these, where neither an equal error rate nor a lowest cost changes.
    """

    miss: NDArray[np.float64]
    false_alarm: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    def crossing(self) -> tuple[float, float]:
        """Give the equal error rate and its threshold; see ``equal_error_rate``."""
        gap = self.miss - self.false_alarm
        after = int(np.searchsorted(gap, 0.0))
        before = after - 1
        share = -gap[before] / (gap[after] - gap[before])

        def between(values: NDArray[np.float64]) -> float:
            return float((1 - share) * values[before] + share * values[after])

        return between(self.miss), between(self.thresholds)


class Corners(NamedTuple):
    """The corners of the DET staircase, as counts of the trials that fall below each threshold.

    thresholds: (p,) float64, ascending.
    missed: (p,) int64, how many of the lowest target trials are not accepted.
    rejected: (p,) int64, how many of the lowest non-target trials are not accepted.
    """

    thresholds: NDArray[np.float64]
    missed: NDArray[np.int64]
    rejected: NDArray[np.int64]


def corners(target_scores: NDArray[np.float64], nontarget_scores: NDArray[np.float64]) -> Corners:
    """Find the corners from the scores (t,) and (n,) of each kind of trial, both sorted ascending.

    Below the lowest and above the highest target score, and between two neighbouring ones, only
    the false alarms change. So a corner lies at each distinct target score and just above it, and
    at both ends. Target and non-target trials with that very score change sides together.
    """
    first = np.flatnonzero(np.diff(target_scores, prepend=-np.inf))
    distinct = target_scores[first]
    just_above = np.nextafter(distinct, np.inf)
    lowest = min(target_scores[0], nontarget_scores[0])

    def join(start: float, at: NDArray, above: NDArray, end: float) -> NDArray:
        return np.concatenate([[start], np.stack([at, above], axis=1).ravel(), [end]])

    return Corners(
        thresholds=join(lowest, distinct, just_above, np.inf),
        missed=join(0, first, np.append(first[1:], len(target_scores)), len(target_scores)),
        rejected=join(
            0,
            np.searchsorted(nontarget_scores, distinct),
            np.searchsorted(nontarget_scores, just_above),
            len(nontarget_scores),
        ),
    )


def check_trials(scores: NDArray, targets: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give ``scores`` as float64 if error rates follow from them.

    Raises:
        MetricError: no trials, one kind of trial only, or a score that is not finite.
        ValueError: the arrays are not both (k,), or ``targets`` is not boolean.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or np.shape(targets) != scores.shape:
        raise ValueError(
            f"scores and targets must both be (k,), got {scores.shape} and {np.shape(targets)}"
        )
    if np.asarray(targets).dtype != np.bool_:
        raise ValueError(f"targets must be bool, got {np.asarray(targets).dtype}")
    finite = np.isfinite(scores)
    if not finite.all():
        row = int(np.argmin(finite))
        raise MetricError(f"trial {row}: score is {scores[row]}: embed its utterances again")
    if np.all(targets) or not np.any(targets):
        present = f"only {'target' if np.any(targets) else 'non-target'} trials"
        raise MetricError(
            f"{present if scores.size else 'no trials'}: error rates need target and "
            "non-target trials, add the missing ones to the trial list"
        )
    return scores


def det_curve(scores: NDArray, targets: NDArray[np.bool_]) -> DetCurve:
    """Trace the miss and false-alarm rates of trials over every threshold.

    Args:
        scores: (k,), higher where the speakers are more alike.
        targets: (k,) bool, True where both sides of the trial are one speaker.

    Raises:
        MetricError: no trials, one kind of trial only, or a score that is not finite.
        ValueError: the arrays are not both (k,), or ``targets`` is not boolean.
    """
    scores = check_trials(scores, targets)
    # Sorting each kind by itself is several times faster than sorting once with an index.
    points = corners(np.sort(scores[targets]), np.sort(scores[~targets]))
    return DetCurve(
        miss=points.missed / points.missed[-1],
        false_alarm=(points.rejected[-1] - points.rejected) / points.rejected[-1],
        thresholds=points.thresholds,
    )


def equal_error_rate(scores: NDArray, targets: NDArray[np.bool_]) -> tuple[float, float]:
    """Give the rate at which misses and false alarms are equally frequent, and its threshold.

    With finitely many trials the two rates seldom meet at a threshold. Between the last operating
    point with fewer misses than false alarms and the first with at least as many, the curve is
    taken as the straight line, and the rate is where this line crosses miss = false alarm; the
    threshold is interpolated alike. That equals the common ``max(miss, false alarm)`` at the
    nearest threshold only where the two rates do meet, and lies between the two rates elsewhere.
    It is at or above the rate on the ROC's convex hull (Brümmer & du Preez 2006), which joins
    distant operating points where that is lower.

    Args:
        scores: (k,), higher where the speakers are more alike.
        targets: (k,) bool, True where both sides of the trial are one speaker.

    Returns:
        The rate between 0 and 1, and the threshold in units of the scores.

    Raises:
        MetricError: no trials, one kind of trial only, or a score that is not finite.
        ValueError: the arrays are not both (k,), or ``targets`` is not boolean.
    """
    return det_curve(scores, targets).crossing()
