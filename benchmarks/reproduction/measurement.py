"""Error rates of finished runs, and the paired differences that claims are decided by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.metrics.bootstrap import bootstrap_speakers
from contravox.metrics.error_rates import equal_error_rate
from contravox.metrics.paired_bootstrap import Difference
from contravox.training.log import read_log
from contravox.training.shares import mean_shares
from contravox.trials.scores import aligned_scores
from reproduction.claims import Claim, Comparison
from reproduction.results import ClaimResult, ComparisonResult, VariantResult, variant_name
from reproduction.runs import Finished, Place, Run
from reproduction.verdict import verdict


@dataclass(frozen=True)
class _Rates:
    """An equal error rate on pooled folds, mean over seeds, and replicates of it (r,)."""

    rate: float
    replicates: NDArray[np.float64]


@dataclass
class Measurement:
    """Measures finished runs; what two comparisons share is measured once."""

    finished: Finished
    equivalence: float
    _rates: dict[tuple[str, ...], _Rates] = field(default_factory=dict)
    _scores: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def of_claim(self, claim: Claim, runs: Mapping[Place, Run]) -> ClaimResult:
        """Measure what is finished of a claim. Raises TrialsError for scores of other trials."""
        variants = {}
        for variant, labelled in claim.variants:
            done = [
                run
                for place, run in runs.items()
                if (place.variant, place.labelled) == (variant, labelled) and self.finished.has(run)
            ]
            if done:
                variants[variant_name(variant, labelled)] = self._variant(done)
        return ClaimResult(
            name=claim.name,
            title=claim.title,
            sentence=claim.sentence,
            paper=claim.paper,
            sweep=claim.sweep,
            parting=claim.parting,
            overrides=list(claim.overrides),
            why=claim.why,
            variants=variants,
            comparisons=[self.of_comparison(each, runs) for each in claim.comparisons],
        )

    def of_comparison(self, comparison: Comparison, runs: Mapping[Place, Run]) -> ComparisonResult:
        """Compare two variants where both are finished."""
        named = (comparison.better, comparison.than, comparison.says, comparison.labelled)
        places = self._finished_by_both(comparison, runs)
        if not places:
            return ComparisonResult(*named)
        pair = [
            [[runs[_of(each, variant)] for each in seed] for seed in places]
            for variant in (comparison.better, comparison.than)
        ]
        better, than = map(self._pooled, pair)
        deviation, other_deviation = map(self._deviation, pair)
        found = Difference.of(
            "EER", None, (than.rate, better.rate), (than.replicates, better.replicates)
        )
        folds = [runs[each].fold for each in places[0]]
        speakers = pl.concat([side for fold in folds for side in fold.speakers])
        # Where a replicate of the other makes no errors, nothing is relative to it.
        decisive, margin = (found.relative_interval, self.equivalence)
        if decisive is None:
            decisive, margin = found.interval, 0.0
        return ComparisonResult(
            *named,
            folds=len(folds),
            seeds=len(places),
            speakers=speakers.n_unique(),
            trials=sum(len(fold.trials.trials.table) for fold in folds),
            rate=better.rate,
            deviation=deviation,
            other_rate=than.rate,
            other_deviation=other_deviation,
            difference=found.difference,
            interval=found.interval,
            relative=found.relative,
            relative_interval=found.relative_interval,
            p_value=found.p_value,
            verdict=verdict(decisive, margin),
        )

    def _finished_by_both(
        self, comparison: Comparison, runs: Mapping[Place, Run]
    ) -> list[list[Place]]:
        """By seed the places of the better one, of seeds with the same and the most folds."""
        by_seed: dict[int, list[Place]] = {}
        for place, run in runs.items():
            if (place.variant, place.labelled) != (comparison.better, comparison.labelled):
                continue
            if self.finished.has(run) and self.finished.has(runs[_of(place, comparison.than)]):
                by_seed.setdefault(place.seed, []).append(place)
        if not by_seed:
            return []
        most = max(by_seed.values(), key=len)
        folds = [place.fold for place in most]
        return [each for each in by_seed.values() if [place.fold for place in each] == folds]

    def _pooled(self, seeds: Sequence[Sequence[Run]]) -> _Rates:
        """The rate of the folds' trials together, for each seed, and the mean of these."""
        measured = [self._of_one_seed(runs) for runs in seeds]
        return _Rates(
            fmean(each.rate for each in measured),
            np.mean([each.replicates for each in measured], axis=0),
        )

    def _deviation(self, seeds: Sequence[Sequence[Run]]) -> float | None:
        """Of the runs' own rates; one run has none."""
        rates = [
            equal_error_rate(self._scores_of(run), run.fold.trials.trials.targets)[0]
            for runs in seeds
            for run in runs
        ]
        return stdev(rates) if len(rates) > 1 else None

    def _of_one_seed(self, runs: Sequence[Run]) -> _Rates:
        key = tuple(run.key for run in runs)
        if key not in self._rates:
            scores = np.concatenate([self._scores_of(run) for run in runs])
            targets = np.concatenate([run.fold.trials.trials.targets for run in runs])
            sides = [pl.concat([run.fold.speakers[side] for run in runs]) for side in (0, 1)]
            drawn = bootstrap_speakers(scores, targets, *sides)
            rate = equal_error_rate(scores, targets)[0]
            self._rates[key] = _Rates(rate, drawn.equal_error_rate)
        return self._rates[key]

    def _variant(self, runs: Sequence[Run]) -> VariantResult:
        folders = [self.finished.folder(run) for run in runs]
        shares: dict[str, list[float]] = {}
        for folder in folders:
            for name, share in mean_shares(folder).items():
                shares.setdefault(name, []).append(share)
        return VariantResult(
            runs=len(runs),
            steps=fmean(1 + max(entry["step"] for entry in read_log(folder)) for folder in folders),
            shares={name: fmean(each) for name, each in shares.items()},
        )

    def _scores_of(self, run: Run) -> NDArray[np.float64]:
        if run.key not in self._scores:
            trials = run.fold.trials
            folder = self.finished.folder(run)
            self._scores[run.key] = aligned_scores(folder, trials.trials.table, trials.name)
        return self._scores[run.key]


def _of(place: Place, variant: str) -> Place:
    """The same place of another variant."""
    return Place(variant, place.labelled, place.seed, place.fold)
