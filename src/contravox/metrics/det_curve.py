"""Misses and false alarms over every threshold: the curve that every other measure is read from.

A trial is accepted when its score is at or above the threshold. A miss is a target trial that is
not accepted, a false alarm a non-target trial that is.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from contravox.errors import MetricError


@dataclass(frozen=True, eq=False)
class DetCurve:
    """Detection error trade-off (Martin et al., Eurospeech 1997), by ascending threshold.

    thresholds: (p,) float64, in units of the scores; the first accepts every trial, the last none.
    missed: (p,) int64, how many of the lowest target trials are not accepted, from 0 to t.
    rejected: (p,) int64, how many of the lowest non-target trials are not accepted, from 0 to n.
    target_scores, nontarget_scores: (t,) and (n,), ascending, float32 or float64 as they came.

    The p points are the corners of the staircase. Those between two corners lie on the straight
    line between them and are left out: no rate and no lowest cost changes for it, and a list of ten
    million trials has some hundred thousand corners. Trials of both kinds with the very same score
    change sides together: there the line is a slope.
    """

    thresholds: NDArray[np.float64]
    missed: NDArray[np.int64]
    rejected: NDArray[np.int64]
    target_scores: NDArray
    nontarget_scores: NDArray

    @classmethod
    def of_sorted(cls, target_scores: NDArray, nontarget_scores: NDArray) -> "DetCurve":
        """Trace the scores (t,) and (n,) of each kind of trial, both ascending, at least one each.

        Above a target score only misses grow until the next non-target score: corners lie where a
        run of target trials ends, just above its last score, and where the next run begins.
        """
        targets, nontargets = len(target_scores), len(nontarget_scores)
        below = np.append(np.searchsorted(nontarget_scores, target_scores), nontargets)
        ends = np.flatnonzero(below[1:] > below[:-1])
        last = target_scores[ends]
        # In the scores' own precision: float32 scores are told apart by float32 thresholds.
        above = np.nextafter(last, last.dtype.type(np.inf))
        passed = np.searchsorted(nontarget_scores, above)
        tied = passed > below[ends]

        def join(first: float, second: float, *corners: NDArray, end: float) -> NDArray:
            return np.concatenate([[first, second], np.stack(corners, axis=1).ravel(), [end]])

        next_scores = np.append(target_scores, np.inf)
        # Three corners where a run ends: before its last score, if non-target trials share it, just
        # above it, and where the next run begins.
        thresholds = join(
            min(target_scores[0], nontarget_scores[0]),
            target_scores[0],
            np.where(tied, last, above),
            above,
            next_scores[ends + 1],
            end=np.inf,
        )
        missed = join(
            0,
            0,
            np.where(tied, np.searchsorted(target_scores, last), ends + 1),
            ends + 1,
            ends + 1,
            end=targets,
        )
        rejected = join(0, below[0], below[ends], passed, below[ends + 1], end=nontargets)
        moved = (np.diff(missed, prepend=-1) > 0) | (np.diff(rejected, prepend=-1) > 0)
        return cls(
            thresholds[moved].astype(np.float64),
            missed[moved].astype(np.int64),
            rejected[moved].astype(np.int64),
            target_scores,
            nontarget_scores,
        )

    @cached_property
    def miss(self) -> NDArray[np.float64]:
        """(p,) share of the target trials that are missed, from 0 to 1."""
        return self.missed / len(self.target_scores)

    @cached_property
    def false_alarm(self) -> NDArray[np.float64]:
        """(p,) share of the non-target trials that are accepted, from 1 to 0."""
        return (len(self.nontarget_scores) - self.rejected) / len(self.nontarget_scores)

    @cached_property
    def hull(self) -> NDArray[np.int64]:
        """(h,) rows of the corners on the convex hull of the ROC, by ascending threshold.

        No other point has a lowest cost, whatever prior and costs. The share of target trials along
        the hull rises with the score, and is what the pool-adjacent-violators algorithm makes of
        the trials (Brümmer & du Preez, Computer Speech and Language 20, 2006; Fawcett &
        Niculescu-Mizil, Machine Learning 68, 2007).
        """
        targets, nontargets = np.diff(self.missed), np.diff(self.rejected)
        trials = targets + nontargets
        return isotonic_regression(targets / trials, weights=trials).blocks.astype(np.int64)


def det_curve(scores: NDArray, targets: NDArray[np.bool_]) -> DetCurve:
    """Trace the miss and false-alarm rates of trials over every threshold.

    Everything that is measured of the same trials can be read from one curve, which sorts once.

    scores: (k,), higher where the speakers are more alike. targets: (k,) bool, True where both
    sides of the trial are one speaker.

    Raises MetricError for no trials, one kind of trial only, or a score that is not finite;
    ValueError where the arrays are not both (k,), or ``targets`` is not boolean.
    """
    series, chosen = pl.Series(check_trials(scores, targets)), pl.Series(targets)
    # Polars selects and sorts several times faster than numpy, on every core.
    return DetCurve.of_sorted(
        series.filter(chosen).sort().to_numpy(), series.filter(~chosen).sort().to_numpy()
    )


def check_trials(scores: NDArray, targets: NDArray[np.bool_]) -> NDArray:
    """Give ``scores`` as float32 if they are, else as float64, if error rates follow from them.

    Raises MetricError for no trials, one kind of trial only, or a score that is not finite;
    ValueError where the arrays are not both (k,), or ``targets`` is not boolean.
    """
    scores = np.asarray(scores)
    if scores.dtype != np.float32:
        scores = scores.astype(np.float64, copy=False)
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
