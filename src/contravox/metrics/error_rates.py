"""The rate at which misses and false alarms are equal, and misses at a given false-alarm rate."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contravox.metrics.det_curve import DetCurve, det_curve

Method = Literal["interpolation", "convex_hull"]


def equal_error_rate(
    scores: NDArray, targets: NDArray[np.bool_], *, method: Method = "interpolation"
) -> tuple[float, float]:
    """Give the rate at which misses and false alarms are equally frequent, and its threshold.

    With finitely many trials the two rates seldom meet at a threshold.

    - ``interpolation``: between the last operating point with fewer misses than false alarms and
      the first with at least as many, the curve is taken as the straight line, and the rate is
      where this line crosses miss = false alarm. That equals the common ``max(miss, false alarm)``
      at the nearest threshold only where the two rates do meet, and lies between the two rates
      elsewhere.
    - ``convex_hull``: the same on the convex hull of the ROC (Brümmer & du Preez 2006), which joins
      distant operating points where that is lower. It is the lowest error rate at the prior that
      serves the system worst, never above the other, and the one of the BOSARIS toolkit.

    scores: (k,), higher where the speakers are more alike. targets: (k,) bool, True where both
    sides of the trial are one speaker. method: which of the two.

    Returns the rate between 0 and 1, and in units of the scores the threshold at which the rates
    themselves cross, whichever the method: the rate on the hull needs two thresholds.

    Raises MetricError for no trials, one kind of trial only, or a score that is not finite;
    ValueError where the arrays are not both (k,), or ``targets`` is not boolean.
    """
    return crossing(det_curve(scores, targets), method=method)


def crossing(curve: DetCurve, *, method: Method = "interpolation") -> tuple[float, float]:
    """Give the equal error rate of a curve and its threshold; see ``equal_error_rate``."""
    before, share, rate = _cross(curve, np.arange(len(curve.miss)))
    # The trials that change sides between the two corners; where both kinds do, at one score.
    moving = curve.target_scores[curve.missed[before] : curve.missed[before + 1]]
    if not len(moving):
        moving = curve.nontarget_scores[curve.rejected[before] : curve.rejected[before + 1]]
    # After so many of them; the last gives way to the next corner's threshold.
    place = share * len(moving)
    row = min(int(place), len(moving) - 1)
    low = float(moving[row])
    high = float(moving[row + 1] if row + 1 < len(moving) else curve.thresholds[before + 1])
    if method == "convex_hull":
        _, _, rate = _cross(curve, curve.hull)
    return rate, low + (place - row) * (high - low)


def false_rejection_rate(
    scores: NDArray, targets: NDArray[np.bool_], *, false_acceptance: float
) -> tuple[float, float]:
    """Give the lowest miss rate with at most so many false alarms, and its threshold.

    A rate that a threshold does reach, without interpolation. Of all thresholds with that miss rate
    the highest is given, which has the fewest false alarms.

    scores: (k,), higher where the speakers are more alike. targets: (k,) bool, True where both
    sides of the trial are one speaker. false_acceptance: the highest false-alarm rate that is
    allowed, from 0 to 1.

    Returns the rate between 0 and 1, and the threshold in units of the scores; infinite or above
    every score where no trial may be accepted.

    Raises MetricError for no trials, one kind of trial only, or a score that is not finite;
    ValueError for arrays of the wrong shape or type, a rate out of range.
    """
    curve = det_curve(scores, targets)
    misses, thresholds = miss_at(curve, [false_acceptance])
    return float(misses[0]), float(thresholds[0])


def miss_at(
    curve: DetCurve, false_alarms: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the miss rates (f,) at false-alarm rates (f,), and their thresholds (f,).

    See ``false_rejection_rate``. Raises ValueError where a rate is not between 0 and 1.
    """
    allowed = check_rates(false_alarms)
    # False alarms fall along the curve: the first corner with few enough of them.
    rows = np.searchsorted(-curve.false_alarm, -allowed)
    return curve.miss[rows], curve.thresholds[rows]


def check_rates(rates: ArrayLike) -> NDArray[np.float64]:
    """Give rates (f,) as float64. Raises ValueError where one is not between 0 and 1."""
    checked = np.asarray(rates, dtype=np.float64)
    if not np.all((checked >= 0) & (checked <= 1)):
        raise ValueError(f"rates must be between 0 and 1, got {checked.tolist()}")
    return checked


def _cross(curve: DetCurve, rows: NDArray[np.int64]) -> tuple[int, float, float]:
    """Where the line through some corners (r,) of a curve crosses miss = false alarm.

    Gives the row in ``rows`` before the crossing, the share of the way to the next, and the rate.
    """
    miss = curve.miss[rows]
    gap = miss - curve.false_alarm[rows]
    after = int(np.searchsorted(gap, 0.0))
    before = after - 1
    share = float(-gap[before] / (gap[after] - gap[before]))
    return before, share, float((1 - share) * miss[before] + share * miss[after])
