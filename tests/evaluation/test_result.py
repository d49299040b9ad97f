import json

import numpy as np
import polars as pl
import pytest

from contravox.evaluation.result import measure
from contravox.manifest import Manifest
from contravox.metrics.detection_cost import actual_detection_cost, minimum_detection_cost
from contravox.metrics.error_rates import equal_error_rate
from contravox.metrics.log_likelihood_ratio_cost import (
    log_likelihood_ratio_cost,
    minimum_log_likelihood_ratio_cost,
)
from contravox.trials.making import make_trials
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet
from manifests import manifest


@pytest.fixture(scope="module")
def trial_set():
    corpus = manifest(speakers=8, utterances=4)
    return TrialSet.of(make_trials(corpus), corpus, Protocol("list"))


@pytest.fixture(scope="module")
def ratios(trial_set):
    """Log-likelihood ratios of two Gaussians a little apart, so calibrated."""
    targets = trial_set.trials.targets
    noise = np.random.default_rng(0).standard_normal(len(targets))
    return np.sqrt(3) * noise + np.where(targets, 1.5, -1.5)


def test_one_curve_gives_what_each_metric_gives_alone(trial_set, ratios):
    targets, scores = trial_set.trials.targets, ratios / 10
    result = measure(
        "x", scores, trial_set, log_likelihood_ratios=ratios, p_targets=(0.01, 0.3), replicates=50
    )
    assert (result.equal_error_rate, result.eer_threshold) == equal_error_rate(scores, targets)
    for cost in result.detection_costs:
        lowest, _ = minimum_detection_cost(scores, targets, p_target=cost.p_target)
        assert cost.minimum == pytest.approx(lowest)
        assert cost.actual == actual_detection_cost(ratios, targets, p_target=cost.p_target)
        low, high = cost.interval
        assert low <= high
    assert result.log_likelihood_ratio_cost == log_likelihood_ratio_cost(ratios, targets)
    lowest = minimum_log_likelihood_ratio_cost(scores, targets)
    assert result.minimum_log_likelihood_ratio_cost == pytest.approx(lowest)
    low, high = result.interval
    assert low < result.equal_error_rate < high
    band = result.det_band
    assert (band.low <= band.high).all()
    assert json.loads(json.dumps(result.metrics))["equal_error_rate_interval"] == [low, high]


def test_ratios_that_rank_trials_otherwise_are_measured_too(trial_set, ratios):
    targets = trial_set.trials.targets
    noise = np.random.default_rng(1).standard_normal(len(ratios))
    result = measure("x", ratios + noise, trial_set, log_likelihood_ratios=ratios, replicates=2)
    rate, _ = equal_error_rate(ratios, targets)
    assert result.ratio_equal_error_rate == pytest.approx(rate)
    assert result.equal_error_rate > rate
    for cost in result.detection_costs:
        lowest, _ = minimum_detection_cost(ratios, targets, p_target=cost.p_target)
        assert cost.minimum_of_ratios == pytest.approx(lowest)
        assert cost.minimum_of_ratios <= cost.actual
    # Of the same order, they would be told twice.
    same = measure("x", ratios / 10, trial_set, log_likelihood_ratios=ratios, replicates=2)
    assert same.ratio_equal_error_rate is None
    assert all(cost.minimum_of_ratios is None for cost in same.detection_costs)


def test_without_speakers_there_are_rates_but_no_intervals(trial_set, ratios):
    table = trial_set.manifest.table.with_columns(speaker=pl.lit(None, dtype=pl.String))
    unnamed = TrialSet.of(trial_set.trials, Manifest(table), trial_set.protocol)
    result = measure("x", ratios, unnamed)
    assert result.equal_error_rate == measure("x", ratios, trial_set, replicates=2).equal_error_rate
    assert (result.interval, result.det_band) == (None, None)
    assert all(cost.interval is None and cost.actual is None for cost in result.detection_costs)
