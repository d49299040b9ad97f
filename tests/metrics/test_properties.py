"""What holds of every measure, whatever the scores."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contravox.metrics.bootstrap import bootstrap_speakers, percentile_interval
from contravox.metrics.det_curve import det_curve
from contravox.metrics.detection_cost import actual_detection_cost, minimum_detection_cost
from contravox.metrics.error_rates import equal_error_rate, false_rejection_rate, miss_at
from contravox.metrics.log_likelihood_ratio_cost import (
    log_likelihood_ratio_cost,
    minimum_log_likelihood_ratio_cost,
)
from profiles import examples

RATES = {
    "EER": lambda scores, targets: equal_error_rate(scores, targets)[0],
    "EER of the hull": lambda scores, targets: equal_error_rate(
        scores, targets, method="convex_hull"
    )[0],
    "minDCF": lambda scores, targets: minimum_detection_cost(scores, targets, p_target=0.2)[0],
    "minCllr": minimum_log_likelihood_ratio_cost,
    "FRR": lambda scores, targets: false_rejection_rate(scores, targets, false_acceptance=0.3)[0],
}
"""Measures that know the order of the scores alone, from 0 to 1."""


def measured(scores, targets):
    return {name: measure(scores, targets) for name, measure in RATES.items()}


def same(values):
    """Equal but for the order in which numbers were added."""
    return pytest.approx(values, abs=1e-12)


@st.composite
def trials(draw, most=30):
    """Scores and targets of both kinds; where they are of few values, many are tied."""
    kinds = draw(st.lists(st.booleans(), max_size=most - 2))
    targets = np.array([True, False, *kinds])
    largest = draw(st.sampled_from([1, 8, 1000]))
    whole = draw(
        st.lists(st.integers(-largest, largest), min_size=len(targets), max_size=len(targets))
    )
    return np.array(whole, draw(st.sampled_from([np.float32, np.float64]))) / 8, targets


@examples(25)
@given(trials(), st.data())
def test_only_the_order_of_the_scores_counts_and_not_that_of_the_trials(drawn, data):
    scores, targets = drawn
    order = np.array(data.draw(st.permutations(range(len(scores)))))
    bent = np.sinh(scores.astype(np.float64) / 20)[order]
    assert measured(bent, targets[order]) == same(measured(scores, targets))


@examples(25)
@given(trials(), st.integers(2, 4), st.integers(2, 4))
def test_how_often_each_kind_of_trial_is_there_counts_for_nothing(drawn, times, other_times):
    scores, targets = drawn
    again = np.where(targets, times, other_times)
    repeated = np.repeat(scores, again), np.repeat(targets, again)
    assert measured(*repeated) == same(measured(scores, targets))
    assert log_likelihood_ratio_cost(*repeated) == pytest.approx(
        log_likelihood_ratio_cost(scores, targets), rel=1e-6
    )


@examples(25)
@given(trials())
def test_trials_that_change_places_and_sign_are_the_same_problem(drawn):
    scores, targets = drawn
    mirrored = -scores, ~targets
    for method in ("interpolation", "convex_hull"):
        rate, _ = equal_error_rate(scores, targets, method=method)
        assert equal_error_rate(*mirrored, method=method)[0] == same(rate)
    for p_target, c_miss in ((0.01, 1.0), (0.3, 5.0)):
        cost, _ = minimum_detection_cost(scores, targets, p_target=p_target, c_miss=c_miss)
        other, _ = minimum_detection_cost(*mirrored, p_target=1 - p_target, c_false_alarm=c_miss)
        assert other == same(cost)
    for measure in (minimum_log_likelihood_ratio_cost, log_likelihood_ratio_cost):
        assert measure(*mirrored) == pytest.approx(measure(scores, targets), rel=1e-6, abs=1e-12)


@examples(25)
@given(trials())
def test_calling_each_target_a_non_target_turns_the_equal_error_rate_over(drawn):
    scores, targets = drawn
    rate, _ = equal_error_rate(scores, targets)
    assert equal_error_rate(scores, ~targets)[0] == same(1 - rate)


@examples(25)
@given(trials())
def test_bounds_that_measures_set_each_other(drawn):
    scores, targets = drawn
    found = measured(scores, targets)
    assert all(0 <= value <= 1 + 1e-12 for value in found.values())
    assert found["EER of the hull"] <= min(found["EER"], 0.5) + 1e-12
    # Scores taken for log-likelihood ratios, of which calibration can only lower the cost.
    assert found["minCllr"] <= log_likelihood_ratio_cost(scores, targets) + 1e-12
    assert found["minDCF"] <= actual_detection_cost(scores, targets, p_target=0.2) + 1e-12
    # A prior that halves the cost of one kind at the rate where both are equal.
    assert (
        found["EER of the hull"]
        >= max(
            minimum_detection_cost(scores, targets, p_target=prior)[0] * min(prior, 1 - prior)
            for prior in (0.1, 0.4, 0.5, 0.8)
        )
        - 1e-12
    )


@examples(25)
@given(trials(), st.data())
def test_a_better_score_of_one_trial_makes_nothing_worse(drawn, data):
    scores, targets = drawn
    row = data.draw(st.integers(0, len(scores) - 1))
    better = scores.copy()
    better[row] += data.draw(st.sampled_from([0.125, 1.0, 300.0])) * (1 if targets[row] else -1)
    before, after = measured(scores, targets), measured(better, targets)
    assert all(after[name] <= before[name] + 1e-12 for name in before)
    assert log_likelihood_ratio_cost(better, targets) <= log_likelihood_ratio_cost(scores, targets)


@examples(15)
@given(trials(), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_the_lowest_risk_is_concave_in_the_prior_and_the_normalised_cost_peaks_at_a_half(
    drawn, one, other
):
    scores, targets = drawn

    def cost(prior):
        return minimum_detection_cost(scores, targets, p_target=prior)[0]

    def risk(prior):
        return cost(prior) * min(prior, 1 - prior)

    assert risk((one + other) / 2) >= (risk(one) + risk(other)) / 2 - 1e-12
    rarer, commoner = sorted(min(prior, 1 - prior) for prior in (one, other))
    assert cost(commoner) <= cost(rarer) + 1e-12
    assert cost(1 - commoner) <= cost(1 - rarer) + 1e-12


@examples(25)
@given(trials(), st.lists(st.floats(0, 1), min_size=2, max_size=6).map(sorted))
def test_more_false_alarms_allow_fewer_misses(drawn, allowed):
    curve = det_curve(*drawn)
    misses, thresholds = miss_at(curve, allowed)
    assert np.all(np.diff(misses) <= 0)
    assert np.all(thresholds[1:] <= thresholds[:-1])


@examples(25)
@given(trials())
def test_the_curve_is_a_staircase_and_its_hull_convex_from_end_to_end(drawn):
    curve = det_curve(*drawn)
    assert np.all(np.diff(curve.missed) >= 0)
    assert np.all(np.diff(curve.rejected) >= 0)
    assert np.all(np.diff(curve.thresholds) > 0)
    assert (curve.hull[0], curve.hull[-1]) == (0, len(curve.miss) - 1)
    miss, alarm = curve.miss[curve.hull], curve.false_alarm[curve.hull]
    # Whole numbers, so that slopes are compared without a division.
    missed, rejected = (np.diff(each[curve.hull]) for each in (curve.missed, curve.rejected))
    assert np.all(missed[1:] * rejected[:-1] >= missed[:-1] * rejected[1:])
    below = np.interp(curve.false_alarm, alarm[::-1], miss[::-1])
    # Where the hull is upright, it begins below and ends above.
    assert np.all(curve.miss >= np.where(curve.false_alarm == 0, 0, below) - 1e-12)


@examples(15)
@given(
    st.integers(3, 8),
    st.integers(0, 1000),
    st.sampled_from([0.0, 1.0, 3.0]),
    st.floats(0.05, 0.9),
)
def test_replicates_are_rates_and_their_intervals_lie_in_each_other(
    speakers, seed, apart, confidence
):
    speaker = np.repeat(np.arange(speakers), 3)
    left, right = np.triu_indices(len(speaker), k=1)
    targets = speaker[left] == speaker[right]
    scores = np.round(np.random.default_rng(seed).normal(size=targets.size) + apart * targets, 1)
    sides = speaker[left], speaker[right]
    drawn = bootstrap_speakers(
        scores, targets, *sides, false_alarms=(0.1, 0.5), replicates=40, seed=seed
    )
    bent = bootstrap_speakers(
        np.exp(scores), targets, *sides, false_alarms=(0.1, 0.5), replicates=40, seed=seed
    )
    for values, others in zip(drawn, bent, strict=True):
        assert values.min() >= -1e-12
        assert values.max() <= 1 + 1e-12
        np.testing.assert_array_equal(values, others)
    assert np.all(drawn.miss[:, 1] <= drawn.miss[:, 0])
    rates = drawn.equal_error_rate
    low, high = percentile_interval(rates, confidence=confidence)
    lower, higher = percentile_interval(rates, confidence=confidence + 0.09)
    assert rates.min() <= lower <= low <= np.median(rates) <= high <= higher <= rates.max()
    assert math.isclose(low, np.quantile(rates, (1 - confidence) / 2))
