import math

import numpy as np
import pytest

from contravox.metrics.det_curve import det_curve
from contravox.metrics.detection_cost import (
    actual_costs,
    actual_detection_cost,
    lowest_costs,
    minimum_detection_cost,
    normalised_cost,
)
from simulated_scores import simulate


def slow_minimum(
    scores: np.ndarray, targets: np.ndarray, p_target: float, c_miss: float, c_false_alarm: float
) -> float:
    """Try every threshold and count."""
    costs = []
    for threshold in [*scores.tolist(), np.inf]:
        miss = np.mean(scores[targets] < threshold)
        false_alarm = np.mean(scores[~targets] >= threshold)
        costs.append(c_miss * p_target * miss + c_false_alarm * (1 - p_target) * false_alarm)
    return min(costs) / min(c_miss * p_target, c_false_alarm * (1 - p_target))


@pytest.mark.parametrize(
    ("p_target", "c_miss", "c_false_alarm"),
    [(0.01, 1, 1), (0.05, 1, 1), (0.9, 1, 1), (0.01, 10, 1), (0.5, 1, 3)],
)
@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_cost_is_that_of_the_loop(
    decimals: int, p_target: float, c_miss: float, c_false_alarm: float
) -> None:
    generator = np.random.default_rng(decimals)
    targets = generator.random(300) < 0.4
    scores = np.round(generator.normal(size=300) + 2 * targets, decimals)
    weights = {"p_target": p_target, "c_miss": c_miss, "c_false_alarm": c_false_alarm}
    cost, threshold = minimum_detection_cost(scores, targets, **weights)
    assert cost == pytest.approx(slow_minimum(scores, targets, **weights), abs=1e-12)
    # And the threshold gives that cost.
    at_threshold = c_miss * p_target * np.mean(scores[targets] < threshold)
    at_threshold += c_false_alarm * (1 - p_target) * np.mean(scores[~targets] >= threshold)
    lowest = min(c_miss * p_target, c_false_alarm * (1 - p_target))
    assert cost == pytest.approx(at_threshold / lowest)


def test_cost_by_hand() -> None:
    # Accepting the two above 0.6 misses half and admits none: 0.01 · 1/2, over 0.01.
    scores = np.array([0.9, 0.8, 0.5, 0.4, 0.6, 0.3, 0.2, 0.1])
    targets = np.array([True] * 4 + [False] * 4)
    cost, threshold = minimum_detection_cost(scores, targets)
    assert cost == pytest.approx(0.5)
    assert 0.6 < threshold <= 0.8


def test_cost_runs_from_0_to_1() -> None:
    targets = np.array([True, True, False, False])
    assert minimum_detection_cost(np.array([3.0, 2, 1, 0]), targets)[0] == 0
    worst, threshold = minimum_detection_cost(np.array([0.0, 1, 2, 3]), targets)
    assert worst == pytest.approx(1)
    assert threshold > 3


@pytest.mark.parametrize("wrong", [{"p_target": 0.0}, {"p_target": 1.0}, {"c_miss": 0.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        minimum_detection_cost(np.array([1.0, 0.0]), np.array([True, False]), **wrong)


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_many_priors_are_found_on_one_curve(decimals: int) -> None:
    scores, targets = simulate(300, 2, decimals)
    priors = [0.001, 0.01, 0.05, 0.5, 0.9]
    costs, thresholds = lowest_costs(det_curve(scores, targets), priors, c_miss=2)
    for prior, cost, threshold in zip(priors, costs, thresholds, strict=True):
        assert cost == pytest.approx(slow_minimum(scores, targets, prior, 2, 1), abs=1e-12)
        alone = minimum_detection_cost(scores, targets, p_target=prior, c_miss=2)
        assert alone == (cost, threshold)


def test_actual_cost_by_hand() -> None:
    # At P = 0.1 and C_fa = 2 the threshold is log(1.8 / 0.1) = 2.89: one of two is missed, and one
    # of four is a false alarm.
    ratios = np.array([5.0, 2.5, 3.0, 2.8, 0.0, -4.0])
    targets = np.array([True, True, False, False, False, False])
    cost = actual_detection_cost(ratios, targets, p_target=0.1, c_false_alarm=2)
    assert cost == pytest.approx((0.1 / 2 + 1.8 / 4) / 0.1)


def test_a_ratio_at_the_threshold_is_accepted() -> None:
    ratios, targets = np.array([0.0, -1.0]), np.array([True, False])
    assert actual_detection_cost(ratios, targets, p_target=0.5) == 0


def test_actual_cost_of_calibrated_ratios_is_close_to_the_minimum() -> None:
    # Unit normals 2 apart: the ratio of their densities at x is exp(2x − 2).
    generator = np.random.default_rng(1)
    targets = np.arange(200_000) % 4 == 0
    ratios = 2 * (generator.normal(size=targets.size) + 2 * targets) - 2
    priors = [0.05, 0.3, 0.5]
    actual = actual_costs(det_curve(ratios, targets), priors)
    lowest, thresholds = lowest_costs(det_curve(ratios, targets), priors)
    assert np.all(actual >= lowest)
    np.testing.assert_allclose(actual, lowest, rtol=0.02)
    np.testing.assert_allclose(thresholds, [math.log((1 - p) / p) for p in priors], atol=0.4)
    # Taken for another prior they cost more than not listening at all.
    assert actual_detection_cost(ratios + 5, targets, p_target=0.05) > 1


@pytest.mark.parametrize("wrong", [{"p_target": 0.0}, {"p_target": 1.5}, {"c_false_alarm": -1.0}])
def test_actual_costs_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        actual_detection_cost(np.array([1.0, 0.0]), np.array([True, False]), **wrong)


def test_prior_and_costs_are_those_of_nist_unless_said_otherwise() -> None:
    scores, targets = simulate(5000, 3, 9)
    said = {"p_target": 0.01, "c_miss": 1.0, "c_false_alarm": 1.0}
    assert minimum_detection_cost(scores, targets) == minimum_detection_cost(
        scores, targets, **said
    )
    ratios = 4 * scores - 2
    assert actual_detection_cost(ratios, targets) == actual_detection_cost(ratios, targets, **said)
    assert normalised_cost(0.3, 0.2, p_target=0.1) == pytest.approx(0.3 + 9 * 0.2)
