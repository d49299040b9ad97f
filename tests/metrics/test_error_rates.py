from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from contravox.metrics.det_curve import det_curve
from contravox.metrics.detection_cost import minimum_detection_cost
from contravox.metrics.error_rates import equal_error_rate, false_rejection_rate, miss_at
from simulated_scores import simulate, slow_operating_points


def slow_equal_error_rate(points: list[tuple[Fraction, Fraction]]) -> float:
    """Where the line between neighbouring points meets miss = false alarm."""
    for (miss, alarm), (next_miss, next_alarm) in pairwise(points):
        if next_miss >= next_alarm:
            share = (alarm - miss) / ((alarm - miss) + (next_miss - next_alarm))
            return float(miss + share * (next_miss - miss))
    raise AssertionError("the curve ends at miss 1, false alarm 0")


def slow_equal_error_rate_of_hull(points: list[tuple[Fraction, Fraction]]) -> float:
    """The lowest crossing of the lines between any two points on either side of it."""
    rates = []
    for miss, alarm in points:
        for other_miss, other_alarm in points:
            if miss < alarm and other_miss >= other_alarm:
                share = (alarm - miss) / ((alarm - miss) + (other_miss - other_alarm))
                rates.append(miss + share * (other_miss - miss))
    return float(min(rates))


@pytest.mark.parametrize("decimals", [0, 1, 9])
@pytest.mark.parametrize("seed", range(5))
def test_equal_error_rate_is_that_of_the_loop(seed: int, decimals: int) -> None:
    scores, targets = simulate(80, seed, decimals)
    points = slow_operating_points(scores, targets)
    rate, _ = equal_error_rate(scores, targets)
    assert rate == pytest.approx(slow_equal_error_rate(points), abs=1e-12)
    lower, _ = equal_error_rate(scores, targets, method="convex_hull")
    assert lower == pytest.approx(slow_equal_error_rate_of_hull(points), abs=1e-12)
    assert lower <= rate + 1e-12


def test_equal_error_rate_by_hand() -> None:
    # At 0.4: miss 1/4, false alarm 2/4; above 0.4: miss 2/4, false alarm 1/4 (0.4 is a tie).
    scores = np.array([0.9, 0.8, 0.4, 0.1, 0.7, 0.4, 0.3, 0.2])
    targets = np.array([True] * 4 + [False] * 4)
    rate, threshold = equal_error_rate(scores, targets)
    assert rate == pytest.approx(3 / 8)
    assert threshold == pytest.approx(0.4)
    # The hull joins miss 1/4 at false alarm 2/4 (from 0.4 on) with miss 2/4 at none (above 0.7):
    # the line crosses at 1/4 + x/4 = 1/2 − x/2.
    rate, _ = equal_error_rate(scores, targets, method="convex_hull")
    assert rate == pytest.approx(1 / 3)


@pytest.mark.parametrize("method", ["interpolation", "convex_hull"])
@pytest.mark.parametrize(
    ("target", "nontarget", "rate"), [(2.0, 1.0, 0.0), (1.0, 1.0, 0.5), (1.0, 2.0, 1.0)]
)
def test_two_trials(target: float, nontarget: float, rate: float, method: str) -> None:
    scores, targets = np.array([target, nontarget]), np.array([True, False])
    found, threshold = equal_error_rate(scores, targets, method=method)
    # The hull of a system that is always wrong is the chance line.
    assert found == (min(rate, 0.5) if method == "convex_hull" else rate)
    assert np.isfinite(threshold)


@pytest.mark.parametrize("kind", [True, False])
def test_rates_at_the_threshold_are_the_equal_error_rate(kind: bool) -> None:
    # One kind of trial moves while the other stays: from just above 0 to 4 a quarter is missed, and
    # the false alarms fall from 3/4 to none, unevenly; or the same with the kinds changed.
    scores = np.array([0.0, 4, 5, 6, -1, 0.1, 0.2, 3])
    targets = np.array([True] * 4 + [False] * 4)
    if not kind:
        scores, targets = -scores, ~targets
    rate, threshold = equal_error_rate(scores, targets)
    assert rate == pytest.approx(1 / 4)
    assert np.mean(scores[targets] < threshold) == pytest.approx(1 / 4)
    assert np.mean(scores[~targets] >= threshold) == pytest.approx(1 / 4)


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_comes_closer_to_equal_rates(seed: int) -> None:
    scores, targets = simulate(60, seed)
    _, found = equal_error_rate(scores, targets)

    def gap(threshold: float) -> float:
        return np.mean(scores[targets] < threshold) - np.mean(scores[~targets] >= threshold)

    # Above every threshold at which misses are still fewer, and not above those where they are not.
    assert all(found >= score for score in scores if gap(score) < 0)
    assert all(found <= score for score in scores if gap(score) >= 0)


@pytest.mark.parametrize(
    ("target", "nontarget", "rate"), [(1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.0, 1.0, 1.0)]
)
def test_both_ends_are_reached(target: float, nontarget: float, rate: float) -> None:
    scores = np.array([target, target, nontarget, nontarget, nontarget])
    found, threshold = equal_error_rate(scores, np.array([True, True, False, False, False]))
    assert found == pytest.approx(rate)
    assert np.isfinite(threshold)


@pytest.mark.parametrize("method", ["interpolation", "convex_hull"])
def test_monotone_maps_and_the_order_of_trials_change_no_rate(method: str) -> None:
    scores, targets = simulate(500, 2, decimals=1)
    order = np.random.default_rng(0).permutation(500)
    rate, threshold = equal_error_rate(scores, targets, method=method)
    again, scaled = equal_error_rate(3 * scores[order] - 1, targets[order], method=method)
    assert again == pytest.approx(rate, abs=1e-12)
    assert scaled == pytest.approx(3 * threshold - 1)
    bent, _ = equal_error_rate(np.exp(scores), targets, method=method)
    assert bent == rate


def test_single_precision_scores_keep_their_ties() -> None:
    scores, targets = simulate(500, 5, decimals=1)
    single = scores.astype(np.float32)
    assert equal_error_rate(single, targets)[0] == equal_error_rate(scores, targets)[0]


def test_hull_gives_the_highest_of_the_lowest_error_rates() -> None:
    # Brümmer & du Preez 2006: over all priors, the lowest probability of error is at most the rate
    # on the hull, and reaches it.
    scores, targets = simulate(200, 8)
    rate, _ = equal_error_rate(scores, targets, method="convex_hull")
    priors = np.linspace(0.01, 0.99, 801)
    errors = [
        minimum_detection_cost(scores, targets, p_target=prior)[0] * min(prior, 1 - prior)
        for prior in priors
    ]
    assert max(errors) <= rate + 1e-12
    assert max(errors) == pytest.approx(rate, abs=2e-3)


def test_equal_error_rate_of_normal_scores() -> None:
    # Unit normals 2 apart cross at Φ(−1) = 15.87 %.
    generator = np.random.default_rng(0)
    targets = np.arange(400_000) % 2 == 0
    scores = generator.normal(size=targets.size) + 2 * targets
    for method in ("interpolation", "convex_hull"):
        rate, threshold = equal_error_rate(scores, targets, method=method)
        assert rate == pytest.approx(0.15866, abs=0.002)
        assert threshold == pytest.approx(1, abs=0.01)


def test_false_rejections_by_hand() -> None:
    scores = np.array([9.0, 7, 5, 3, 8, 6, 4, 2, 1])
    targets = np.array([True] * 4 + [False] * 5)
    # Above 4 two of five non-target trials are accepted, and 3 is missed.
    assert false_rejection_rate(scores, targets, false_acceptance=0.4) == (0.25, 5)
    assert false_rejection_rate(scores, targets, false_acceptance=0.39) == (0.5, 7)
    assert false_rejection_rate(scores, targets, false_acceptance=0.0) == (0.75, 9)
    assert false_rejection_rate(scores, targets, false_acceptance=1.0)[0] == 0
    worst, threshold = false_rejection_rate(-scores, targets, false_acceptance=0.0)
    assert worst == 1
    assert threshold > -1


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_misses_are_the_lowest_that_a_threshold_reaches(decimals: int) -> None:
    scores, targets = simulate(150, 9, decimals)
    allowed = np.arange(23) / 22
    misses, thresholds = miss_at(det_curve(scores, targets), allowed)
    points = slow_operating_points(scores, targets)
    for rate, miss, threshold in zip(allowed, misses, thresholds, strict=True):
        assert miss == pytest.approx(float(min(m for m, alarm in points if float(alarm) <= rate)))
        assert np.mean(scores[targets] < threshold) == pytest.approx(miss)
        assert np.mean(scores[~targets] >= threshold) <= rate


@pytest.mark.parametrize("rate", [-0.1, 1.1, np.nan])
def test_rates_out_of_range_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        false_rejection_rate(np.array([1.0, 0.0]), np.array([True, False]), false_acceptance=rate)


def test_threshold_between_the_last_of_a_run_and_what_comes_after() -> None:
    # At 0.6 of false alarms misses go from 0 to 0.75 along 1, 2, 3: the rates cross after 2.4 of
    # these three trials, which is at the third.
    scores = np.array([1.0, 2, 3, 9, 0, 0.5, 5, 6, 7])
    rate, threshold = equal_error_rate(scores, np.arange(9) < 4)
    assert rate == pytest.approx(0.6)
    assert threshold == pytest.approx(3)
