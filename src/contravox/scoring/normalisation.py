"""Score normalisation: how far a score stands out from those against a cohort."""

from collections.abc import Callable
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


class ScoreNormaliser:
    """Normalises the scores of trials between given vectors, in as many blocks as they come.

    Each enrolment and test is compared with the cohort when a trial names it first, and what was
    found is kept: two numbers, for ``AS-norm2`` which members score highest, two bytes each in a
    cohort of up to 65,535. Beside that it works in blocks, whatever the size of the cohort.

    enrolment: (n, w) float32, vectors whose inner products are the scores. test: (m, w) float32;
    may be the same array as ``enrolment``. cohort: of speakers who are in no trial. settings: the
    method, and the size of the choice. progress: called with the rows compared with the cohort and
    in all, for the trials at hand.

    Raises ScoringError for a cohort smaller than ``top``.
    """

    def __init__(
        self,
        enrolment: NDArray[np.float32],
        test: NDArray[np.float32],
        cohort: Cohort,
        settings: NormalisationSettings,
        *,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self.top = len(cohort) if settings.method == "S-norm" else settings.top
        if len(cohort) < max(self.top, 2):
            raise ScoringError(
                f"the cohort has {len(cohort)} members, fewer than top = {max(self.top, 2)}: "
                "enlarge the cohort or lower top"
            )
        self.crosswise = settings.method == "AS-norm2"
        self.progress = progress
        first = _Side("enrolment", enrolment, cohort.as_tests)
        # Alike, what is found for a row holds on both sides.
        alike = test is enrolment and cohort.as_tests is cohort.as_enrolments
        self.sides = first, first if alike else _Side("test", test, cohort.as_enrolments)

    def normalise(self, scores: NDArray[np.float32], pairs: ArrayLike) -> NormalisedScores:
        """Normalise the score of each trial by those of its two sides against the cohort.

        With the mean μ and deviation σ of a side's scores against the cohort, or the members
        chosen, the normalised score is ½·((s − μ_enrolment)/σ_enrolment + (s − μ_test)/σ_test)
        (Matějka et al. 2017). Each is found once for every enrolment and test that a trial names;
        for ``AS-norm2`` the members differ from trial to trial.

        scores: (k,) of the trials, by the same vectors. pairs: (k, 2) integers, for each trial a
        row of ``enrolment`` and a row of ``test``.

        Raises ScoringError for an enrolment or test whose scores against the chosen members are all
        one; its row is named; ValueError for arrays whose sizes do not fit, or a pair that names a
        row which is not there.
        """
        pairs = check_pairs(self.sides[0].vectors, self.sides[1].vectors, pairs)
        if len(scores) != len(pairs):
            raise ValueError(f"scores and pairs must be of one length: {len(scores)}, {len(pairs)}")
        statistics = self._by_members_of_other(pairs) if self.crosswise else self._by_own(pairs)
        standard = [(scores - means) / deviations for means, deviations in statistics]
        normalised = ((standard[0] + standard[1]) / 2).astype(np.float32, copy=False)
        return NormalisedScores(normalised, statistics[0].means, statistics[1].means)

    def _by_own(self, pairs: NDArray[np.integer]) -> list[Statistics]:
        """Statistics of each trial's enrolment and test by the members closest to each."""
        new = self._new(pairs)
        step = _counter(self.progress, sum(len(rows) for _, rows in new))
        for side, rows in new:
            found = own_statistics(side.vectors, rows, side.members, self.top, step)
            self._check_spread(side, rows, found)
            side.statistics.means[rows], side.statistics.deviations[rows] = found
        return [side.statistics.of(named) for side, named in zip(self.sides, pairs.T, strict=True)]

    def _by_members_of_other(self, pairs: NDArray[np.integer]) -> list[Statistics]:
        """Statistics of each trial's enrolment and test by the members closest to the other."""
        new = self._new(pairs)
        crosswise = [(*self.sides, *pairs.T), (*self.sides[::-1], *pairs.T[::-1])]
        compared = [rows for _, rows in new] + [np.unique(named) for _, _, named, _ in crosswise]
        step = _counter(self.progress, sum(map(len, compared)))
        for side, rows in new:
            if side.chosen is None:
                smallest = np.min_scalar_type(len(side.members))
                # Of a row that no trial names, no memory is ever touched.
                side.chosen = np.empty((len(side.vectors), self.top), smallest)
            side.chosen[rows] = closest_members(side.vectors, rows, side.members, self.top, step)
        statistics = []
        for side, other, named, choices in crosswise:
            assert other.chosen is not None
            statistics.append(
                cross_statistics(side.vectors, named, side.members, other.chosen, choices, step)
            )
            self._check_spread(side, named, statistics[-1])
        return statistics

    def _new(self, pairs: NDArray[np.integer]) -> "list[tuple[_Side, NDArray[np.int64]]]":
        """The sides that differ, with their rows that are named for the first time, sorted."""
        first, second = self.sides
        if first is second:
            return [(first, first.meet(pairs))]
        return [(first, first.meet(pairs[:, 0])), (second, second.meet(pairs[:, 1]))]

    def _check_spread(
        self, side: "_Side", rows: NDArray[np.integer], statistics: Statistics
    ) -> None:
        """Raises ScoringError naming one of the ``rows`` (r,) of a side without a deviation."""
        spread = statistics.deviations > SPREAD * np.abs(statistics.means)
        if not spread.all():
            raise ScoringError(
                f"{side.name}: row {rows[np.argmin(spread)]} scores alike against all "
                f"{self.top} members of the cohort, or is not finite: leave copies out of the "
                "cohort"
            )


class _Side:
    """One side of the trials: its vectors (n, w), its members of the cohort (c, w), what is known.

    statistics: (n,), and chosen: (n, top) members, of the rows that are known.
    """

    def __init__(
        self, name: str, vectors: NDArray[np.float32], members: NDArray[np.float32]
    ) -> None:
        self.name, self.vectors, self.members = name, vectors, members
        self.known = np.zeros(len(vectors), bool)
        self.statistics = Statistics.empty(len(vectors))
        self.chosen: NDArray[np.unsignedinteger] | None = None

    def meet(self, named: NDArray[np.integer]) -> NDArray[np.int64]:
        """The rows that are ``named`` (k,) for the first time, sorted."""
        met = np.zeros(len(self.vectors), bool)
        met[named] = True
        new = np.flatnonzero(met & ~self.known)
        self.known |= met
        return new


def _counter(progress: Callable[[int, int], None], total: int) -> Callable[[int], None]:
    """From how many more are done to how many are done in all."""
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    return count
