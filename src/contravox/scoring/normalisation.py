"""Score normalisation: how far a score stands out from those against a cohort."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from contravox.errors import ScoringError
from contravox.scoring.cohort import Cohort, CohortMembers
from contravox.scoring.cohort_statistics import (
    Statistics,
    closest_members,
    cross_statistics,
    own_statistics,
)
from contravox.scoring.inner_products import check_pairs
from contravox.settings import Settings

NormalisationMethod = Literal["S-norm", "AS-norm1", "AS-norm2"]
"""By all of the cohort, or by the members that score highest; see ``NormalisationSettings``."""

SPREAD = 1e-6
"""A deviation below this share of the largest score is float32 rounding."""


class NormalisationSettings(Settings):
    """How scores are normalised.

    method: ``S-norm`` by all the cohort (Kenny 2010, Bayesian speaker verification with
    heavy-tailed priors); or by the ``top`` members of it that score highest (Matějka et al. 2017,
    Analysis of score normalization in multilingual speaker recognition): ``AS-norm1`` by each
    side's own, ``AS-norm2`` by those of the other side.
    members: of the cohort, the mean of each speaker or every utterance.
    """

    method: NormalisationMethod = "AS-norm1"
    top: int = Field(300, ge=2, le=10_000_000)
    members: CohortMembers = "speakers"

    def describe(self, cohort: int) -> str:
        """Say for a result how its scores were normalised by a cohort of so many."""
        adaptive = "" if self.method == "S-norm" else f"top {self.top} of "
        means = "means of speakers" if self.members == "speakers" else "utterances"
        return f"{self.method}, {adaptive}{cohort:,} {means}"


@dataclass(frozen=True)
class NormalisedScores:
    """Normalised scores, and what they were normalised by.

    scores: (k,) float32. enrolment_means, test_means: (k,) float32, the mean score of each trial's
    enrolment and test against the cohort, or those of it chosen: measures of quality.
    """

    scores: NDArray[np.float32]
    enrolment_means: NDArray[np.float32]
    test_means: NDArray[np.float32]


def normalise_scores(
    scores: NDArray[np.float32],
    enrolment: NDArray[np.float32],
    test: NDArray[np.float32],
    pairs: ArrayLike,
    cohort: Cohort,
    settings: NormalisationSettings,
    *,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> NormalisedScores:
    """Normalise the score of each trial by those of its two sides against a cohort.

    With the mean μ and deviation σ of a side's scores against the cohort, or the members chosen,
    the normalised score is ½·((s − μ_enrolment)/σ_enrolment + (s − μ_test)/σ_test) (Matějka et al.
    2017). Each is found once for every enrolment and test that a trial names; for ``AS-norm2`` the
    members differ from trial to trial.

    Works in blocks: for each enrolment and test that a trial names it holds two numbers, for
    ``AS-norm2`` also which members score highest, two bytes each in a cohort of up to 65,535.

    scores: (k,) of the trials, by the same vectors. enrolment: (n, w) float32, vectors whose inner
    products are the scores. test: (m, w) float32; may be the same array as ``enrolment``. pairs:
    (k, 2) integers, for each trial a row of ``enrolment`` and a row of ``test``. cohort: of
    speakers who are in no trial. settings: the method, and the size of the choice. progress: called
    with the rows compared with the cohort and in all.

    Raises ScoringError for a cohort smaller than ``top``, or an enrolment or test whose scores
    against the chosen members are all one; its row is named; ValueError for arrays whose sizes do
    not fit, or a pair that names a row which is not there.
    """
    pairs = check_pairs(enrolment, test, pairs)
    if len(scores) != len(pairs):
        raise ValueError(f"scores and pairs must be of one length: {len(scores)}, {len(pairs)}")
    top = len(cohort) if settings.method == "S-norm" else settings.top
    if len(cohort) < max(top, 2):
        raise ScoringError(
            f"the cohort has {len(cohort)} members, fewer than top = {max(top, 2)}: enlarge the "
            "cohort or lower top"
        )
    alike = test is enrolment and cohort.as_tests is cohort.as_enrolments
    rows = [np.unique(pairs)] * 2 if alike else [np.unique(side) for side in pairs.T]
    sides = [
        _Side("enrolment", enrolment, pairs[:, 0], rows[0], cohort.as_tests),
        _Side("test", test, pairs[:, 1], rows[1], cohort.as_enrolments),
    ]
    # Alike, what is found for a row holds on both sides.
    different = sides[:1] if alike else sides
    if settings.method == "AS-norm2":
        statistics = _by_members_of_other(sides, different, top, progress)
    else:
        statistics = _by_own_members(sides, different, top, progress)
    for side, (means, deviations) in zip(sides, statistics, strict=True):
        spread = deviations > SPREAD * np.abs(means)
        if not spread.all():
            raise ScoringError(
                f"{side.name}: row {side.named[np.argmin(spread)]} scores alike against all "
                f"{top} members of the cohort, or is not finite: leave copies out of the cohort"
            )
    standard = [(scores - means) / deviations for means, deviations in statistics]
    normalised = ((standard[0] + standard[1]) / 2).astype(np.float32, copy=False)
    return NormalisedScores(normalised, statistics[0].means, statistics[1].means)


@dataclass(frozen=True)
class _Side:
    """One side of the trials.

    Vectors (n, w), the row named by each trial (k,), the rows (r,) to compare with the cohort,
    sorted, and its members (c, w).
    """

    name: str
    vectors: NDArray[np.float32]
    named: NDArray[np.integer]
    rows: NDArray[np.integer]
    members: NDArray[np.float32]

    @property
    def places(self) -> NDArray[np.int64]:
        """(k,) where the row of each trial is among ``rows``."""
        return np.searchsorted(self.rows, self.named)


def _by_own_members(
    sides: Sequence[_Side],
    different: Sequence[_Side],
    top: int,
    progress: Callable[[int, int], None],
) -> list[Statistics]:
    """Statistics of each trial's enrolment and test."""
    step = _counter(progress, sum(len(side.rows) for side in different))
    found = [own_statistics(side.vectors, side.rows, side.members, top, step) for side in different]
    return [found[0].of(sides[0].places), found[-1].of(sides[1].places)]


def _by_members_of_other(
    sides: Sequence[_Side],
    different: Sequence[_Side],
    top: int,
    progress: Callable[[int, int], None],
) -> list[Statistics]:
    """Statistics of each trial's enrolment and test by the members closest to the other."""
    named = [len(np.unique(side.named)) for side in sides]
    step = _counter(progress, sum(len(side.rows) for side in different) + sum(named))
    chosen = [
        closest_members(side.vectors, side.rows, side.members, top, step) for side in different
    ]
    first, second = sides
    return [
        cross_statistics(
            first.vectors, first.named, first.members, chosen[-1], second.places, step
        ),
        cross_statistics(
            second.vectors, second.named, second.members, chosen[0], first.places, step
        ),
    ]


def _counter(progress: Callable[[int, int], None], total: int) -> Callable[[int], None]:
    """From how many more are done to how many are done in all."""
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    return count
