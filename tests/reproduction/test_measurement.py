import json
from pathlib import Path

import numpy as np
import pytest

from contravox.metrics.error_rates import equal_error_rate
from contravox.metrics.paired_bootstrap import paired_bootstrap
from contravox.trials.scores import write_scores
from reproduction.claims import Claims
from reproduction.measurement import Measurement
from reproduction.runs import Finished, Place, plan_runs

CLAIMS = Path("claims.yaml")


@pytest.fixture
def claims():
    return Claims.read(CLAIMS)


def scored(run, finished, seed, strength):
    """Give a run scores that tell targets apart the more, the greater the strength."""
    trials = run.fold.trials.trials
    noise = np.random.default_rng(seed).standard_normal(len(trials.targets))
    scores = (strength * trials.targets + noise).astype(np.float32)
    run.folder.mkdir(parents=True, exist_ok=True)
    write_scores(run.folder / "scores.tsv", trials, scores)
    step = {"step": 6, "shares": {"classification": 0.75, "contrast": 0.25}}
    (run.folder / "log.jsonl").write_text(json.dumps(step) + "\n")
    finished.folders[run.key] = run.folder
    return scores


def measured(claims, folds, grid, strengths):
    """The result of the one claim, and the scores by place."""
    [claim] = claims.claims
    runs = plan_runs(claim, claims.grids[grid], folds, Path("output") / grid)
    finished = Finished([])
    scores = {
        place: scored(run, finished, number, strengths[place.variant])
        for number, (place, run) in enumerate(runs.items())
        if place.variant in strengths
    }
    measurement = Measurement(finished, claims.equivalence)
    return measurement.of_claim(claim, runs), runs, scores


def test_folds_are_pooled_and_compared_as_paired_bootstrap_does(claims, folds):
    result, _, scores = measured(claims, folds, "quick", {"contrast": 3, "plain": 1})
    [found] = result.comparisons
    pooled = {
        name: np.concatenate([scores[Place(name, 1.0, 0, fold)] for fold in (0, 1)])
        for name in ("contrast", "plain")
    }
    targets = np.concatenate([fold.trials.trials.targets for fold in folds])
    sides = [np.concatenate([np.asarray(fold.speakers[side]) for fold in folds]) for side in (0, 1)]
    expected = paired_bootstrap(pooled["plain"], pooled["contrast"], targets, *sides)[0]
    assert found.rate == pytest.approx(expected.second)
    assert found.other_rate == pytest.approx(expected.first)
    assert found.difference == pytest.approx(expected.difference)
    assert found.interval == pytest.approx(expected.interval)
    assert found.p_value == pytest.approx(expected.p_value)
    assert (found.folds, found.seeds, found.speakers) == (2, 1, 12)
    assert found.trials == len(targets)

    rates = [
        equal_error_rate(scores[Place("plain", 1.0, 0, fold)], folds[fold].trials.trials.targets)[0]
        for fold in (0, 1)
    ]
    assert found.other_deviation == pytest.approx(np.std(rates, ddof=1))
    assert result.variants["plain"].steps == 7
    assert result.variants["plain"].shares == {"classification": 0.75, "contrast": 0.25}


def test_seeds_are_averaged(claims, folds):
    result, _, scores = measured(claims, folds, "full", {"contrast": 3, "plain": 1})
    targets = np.concatenate([fold.trials.trials.targets for fold in folds])
    rates = [
        equal_error_rate(
            np.concatenate([scores[Place("plain", 1.0, seed, fold)] for fold in (0, 1)]), targets
        )[0]
        for seed in (0, 1)
    ]
    assert result.comparisons[0].other_rate == pytest.approx(np.mean(rates))
    assert result.comparisons[0].seeds == 2
    assert result.variants["plain"].runs == 4


def test_only_folds_that_both_have_are_compared(claims, folds):
    [claim] = claims.claims
    runs = plan_runs(claim, claims.grids["quick"], folds, Path("output"))
    finished = Finished([])
    for place, run in runs.items():
        if (place.variant, place.fold) != ("contrast", 1):
            scored(run, finished, 0, 1)
    result = Measurement(finished, 0.02).of_claim(claim, runs)
    assert result.comparisons[0].folds == 1
    assert result.comparisons[0].trials == len(folds[0].trials.trials.targets)
    assert (result.variants["plain"].runs, result.variants["contrast"].runs) == (2, 1)
    assert result.comparisons[0].deviation is result.comparisons[0].other_deviation is None


def test_what_is_not_run_has_no_number(claims, folds):
    result, _, _ = measured(claims, folds, "quick", {"plain": 1})
    [found] = result.comparisons
    assert found.verdict == "not run"
    assert found.difference is found.interval is found.rate is None
    assert set(result.variants) == {"plain"}


def test_a_better_variant_holds_and_a_worse_one_does_not(claims, folds):
    verdicts = [
        measured(claims, folds, "quick", {"contrast": contrast, "plain": plain})[0]
        .comparisons[0]
        .verdict
        for contrast, plain in ((20, -20), (-20, 0.5))
    ]
    assert verdicts == ["holds", "does not hold here"]
