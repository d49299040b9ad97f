"""How far measures would move with other speakers: the bootstrap over speakers.

Trials share speakers, so they are not independent, and resampling trials gives intervals that are
far too narrow. Resampling speakers keeps the dependence: the subsets bootstrap of Bolle, Ratha &
Pankanti (Computer Vision and Image Understanding 93, 2004), where a non-target trial counts for
both its speakers as in the pigeonhole bootstrap of Owen (Annals of Applied Statistics 1, 2007).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from contravox.errors import MetricError
from contravox.metrics.decision import check_prior
from contravox.metrics.det_curve import DetCurve, check_trials
from contravox.metrics.error_rates import check_rates
from contravox.numbering import number_names

BLOCK_NUMBERS = 2**21
"""So many numbers are held at once for each kind of trial, 16 MiB, or those of FEWEST_DRAWS."""
FEWEST_DRAWS, MOST_DRAWS = 8, 64
"""So many draws are weighed together: fewer are slower, more no faster."""
BLOCK_TRIALS = 4096
"""So many trials are weighed at once, in the processor's cache."""
BLOCK_CORNERS = 4096
"""At so many corners costs are found at once, there too."""


class Replicates(NamedTuple):
    """Measures of each replicate; row r of two systems on the same trials has the same speakers.

    equal_error_rate: (replicates,) float64, by interpolation, between 0 and 1.
    minimum_detection_cost: (replicates, q) float64, at each prior, between 0 and 1.
    miss: (replicates, f) float64, at each false-alarm rate, between 0 and 1.
    """

    equal_error_rate: NDArray[np.float64]
    minimum_detection_cost: NDArray[np.float64]
    miss: NDArray[np.float64]


def bootstrap_speakers(
    scores: NDArray,
    targets: NDArray[np.bool_],
    enrolment_speakers: ArrayLike,
    test_speakers: ArrayLike,
    *,
    p_targets: Sequence[float] = (0.01,),
    false_alarms: Sequence[float] = (),
    replicates: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Replicates:
    """Measure a system again and again, each time on speakers drawn with replacement.

    A replicate draws as many speakers as there are. Where speaker a was drawn c(a) times, a target
    trial of a counts c(a) times and a non-target trial between a and b counts c(a)·c(b) times. A
    draw that leaves no target or no non-target trial is drawn again. The draws depend on ``seed``
    and the trials alone, whatever the scores and the order of the trials, so that two systems can
    be compared replicate by replicate.

    scores: (k,), higher where the speakers are more alike. targets: (k,) bool, True where both
    sides of the trial are one speaker. enrolment_speakers: (k,) names or numbers of the speakers
    enrolled. test_speakers: (k,) names or numbers of the speakers tested. p_targets: prior
    probabilities of a target trial, for the detection costs. false_alarms: rates at which to give
    the miss rate, as the bands of a DET curve need. replicates: how many times to draw. seed: of
    the draws. progress: called with the replicates done and in all.

    Raises MetricError for no trials, one kind of trial only, a score that is not finite, or a trial
    whose speakers are one but which is not a target, or the other way round; ValueError for arrays
    that are not all (k,), ``targets`` not boolean, ``replicates`` below 1, a prior or rate out of
    range.
    """
    scores = check_trials(scores, targets)
    allowed = check_rates(false_alarms)
    for p_target in p_targets:
        check_prior(p_target)
    if replicates < 1:
        raise ValueError(f"replicates must be at least 1, got {replicates}")
    speakers, enrolment, test = _number_speakers(targets, enrolment_speakers, test_speakers)

    target_rows, nontarget_rows = np.flatnonzero(targets), np.flatnonzero(~targets)
    target_rows = target_rows[np.argsort(scores[target_rows])]
    nontarget_rows = nontarget_rows[np.argsort(scores[nontarget_rows])]
    curve = DetCurve.of_sorted(scores[target_rows], scores[nontarget_rows])
    target_speaker = enrolment[target_rows]
    nontarget_pair = enrolment[nontarget_rows], test[nontarget_rows]

    generator = np.random.default_rng(seed)
    block = int(np.clip(BLOCK_NUMBERS // len(curve.miss), FEWEST_DRAWS, MOST_DRAWS))
    done: list[Replicates] = []
    count = 0
    while count < replicates:
        drawn = _draw(generator, speakers, min(block, replicates - count))
        # How much lies below each corner; whole numbers, so nothing is rounded.
        missed = _weigh(drawn, (target_speaker,), curve.missed)
        rejected = _weigh(drawn, nontarget_pair, curve.rejected)
        kept = (missed[-1] > 0) & (rejected[-1] > 0)
        if not kept.all():
            missed, rejected = missed[:, kept], rejected[:, kept]
        done.append(_measure(missed, rejected, p_targets, allowed))
        count += int(kept.sum())
        progress(count, replicates)
    return Replicates(*(np.concatenate(parts) for parts in zip(*done, strict=True)))


def percentile_interval(
    values: NDArray[np.float64], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Give the interval that holds the middle ``confidence`` of replicate values (replicates,).

    The percentile interval of Efron & Tibshirani, An Introduction to the Bootstrap, section 13.3.
    Raises ValueError where ``confidence`` is not between 0 and 1.
    """
    low, high = percentile_band(values, confidence=confidence)
    return float(low), float(high)


def percentile_band(
    values: NDArray[np.float64], *, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the intervals of several measures (replicates, ...), each by itself: low and high (...).

    See ``percentile_interval``. Raises ValueError where ``confidence`` is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return low, high


def _draw(generator: np.random.Generator, speakers: int, draws: int) -> NDArray[np.float64]:
    """How often each speaker is in each draw: (speakers, draws), a draw's speakers at a time."""
    return np.stack(
        [
            np.bincount(generator.integers(speakers, size=speakers), minlength=speakers)
            for _ in range(draws)
        ],
        axis=1,
    ).astype(np.float64)


def _weigh(
    drawn: NDArray[np.float64], sides: Sequence[NDArray[np.uint32]], corners: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Sum the weights of the sorted trials below each corner, in each draw: (p, draws).

    sides: (k,) a speaker of each trial; a trial weighs the product of its speakers' draws.
    corners: (p,) how many trials lie below each, ascending from 0 to k.
    """
    trials = len(sides[0])
    below = np.zeros((len(corners), drawn.shape[1]))
    for start in range(0, trials, BLOCK_TRIALS):
        end = min(start + BLOCK_TRIALS, trials)
        weights = drawn[sides[0][start:end]]
        for side in sides[1:]:
            weights *= drawn[side[start:end]]
        # The corners above the first of these trials, up to the first above all of them: row r of
        # the sparse matrix sums the trials from the corner before to this one.
        first, last = np.searchsorted(corners, [start, end], side="right")
        last = min(last + 1, len(corners))
        bounds = np.concatenate([[start], corners[first:last]]).clip(start, end) - start
        ones = np.ones(end - start)
        sums = csr_array((ones, np.arange(end - start), bounds), shape=(last - first, end - start))
        below[first:last] += sums @ weights
    return np.cumsum(below, axis=0, out=below)


def _measure(
    missed: NDArray[np.float64],
    rejected: NDArray[np.float64],
    p_targets: Sequence[float],
    false_alarms: NDArray[np.float64],
) -> Replicates:
    """Measure each draw from what it weighs below each corner, of both kinds (p, draws)."""
    targets, nontargets = missed[-1], rejected[-1]
    draws = np.arange(len(targets))

    def miss(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        return missed[rows, draws] / targets

    def false_alarm(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        return (nontargets - rejected[rows, draws]) / nontargets

    def gap(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        return miss(rows) - false_alarm(rows)

    after = _first(lambda rows: gap(rows) >= 0, len(missed), draws.shape)
    before = after - 1
    share = -gap(before) / (gap(after) - gap(before))
    grid = _first(
        lambda rows: false_alarm(rows) <= false_alarms[:, None],
        len(missed),
        (len(false_alarms), len(draws)),
    )
    costs = np.empty((len(draws), len(p_targets)))
    for column, p_target in enumerate(p_targets):
        # normalised_cost over (1 − P)/nontargets, without what is the same at all corners.
        odds = p_target / (1 - p_target)
        weight = odds * nontargets / targets
        lowest = np.full(len(draws), np.inf)
        for start in range(0, len(missed), BLOCK_CORNERS):
            rows = slice(start, start + BLOCK_CORNERS)
            some = missed[rows] * weight
            some -= rejected[rows]
            np.minimum(lowest, some.min(axis=0), out=lowest)
        costs[:, column] = (1 + lowest / nontargets) / min(odds, 1)
    return Replicates((1 - share) * miss(before) + share * miss(after), costs, miss(grid).T)


def _first(
    holds: Callable[[NDArray[np.int64]], NDArray[np.bool_]], rows: int, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """For each place of a shape the first row that ``holds``, as all rows after it do."""
    low, high = np.zeros(shape, np.int64), np.full(shape, rows - 1)
    while np.any(low < high):
        middle = (low + high) // 2
        held = holds(middle)
        low, high = np.where(held, low, middle + 1), np.where(held, middle, high)
    return low


def _number_speakers(
    targets: NDArray[np.bool_], enrolment_speakers: ArrayLike, test_speakers: ArrayLike
) -> tuple[int, NDArray[np.uint32], NDArray[np.uint32]]:
    """Number speakers 0, 1, ... in the order of their names; give how many, and both sides (k,)."""
    enrolment, test = np.asarray(enrolment_speakers), np.asarray(test_speakers)
    if enrolment.shape != targets.shape or test.shape != targets.shape:
        raise ValueError(
            f"enrolment_speakers and test_speakers must be {targets.shape} like the scores, got "
            f"{enrolment.shape} and {test.shape}"
        )
    numbers = number_names(pl.Series(np.concatenate([enrolment, test]))).to_numpy()
    enrolment_numbers, test_numbers = np.split(numbers, 2)
    wrong = np.flatnonzero((enrolment_numbers == test_numbers) != targets)
    if wrong.size:
        row = wrong[0]
        kind = "a target" if targets[row] else "a non-target"
        raise MetricError(
            f"trial {row}: {kind} trial of speakers {enrolment[row]} and {test[row]}: "
            "correct the trial list or the manifest"
        )
    return int(numbers.max()) + 1, enrolment_numbers, test_numbers
