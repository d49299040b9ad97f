import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from contravox.errors import MetricError
from contravox.metrics.log_likelihood_ratio_cost import (
    log_likelihood_ratio_cost,
    minimum_log_likelihood_ratio_cost,
)
from simulated_scores import simulate


def test_cost_by_hand() -> None:
    # log2(1 + 1/3), log2(1 + 1) for the target trials, log2(1 + 1/3) for the other.
    ratios = np.log([3.0, 1.0, 1 / 3])
    targets = np.array([True, True, False])
    expected = ((np.log2(4 / 3) + 1) / 2 + np.log2(4 / 3)) / 2
    assert log_likelihood_ratio_cost(ratios, targets) == pytest.approx(expected)


def test_ratios_that_say_nothing_cost_one_bit() -> None:
    targets = np.array([True, False, False])
    assert log_likelihood_ratio_cost(np.zeros(3), targets) == pytest.approx(1)
    assert minimum_log_likelihood_ratio_cost(np.zeros(3), targets) == pytest.approx(1)
    assert minimum_log_likelihood_ratio_cost(np.array([0.0, 1, 2]), targets) == pytest.approx(1)
    assert minimum_log_likelihood_ratio_cost(np.array([2.0, 1, 0]), targets) == 0


def test_large_ratios_do_not_overflow() -> None:
    targets = np.array([True, False])
    assert log_likelihood_ratio_cost(np.array([1e4, -1e4]), targets) == 0
    wrong = log_likelihood_ratio_cost(np.array([-1e4, 1e4], dtype=np.float32), targets)
    assert wrong == pytest.approx(1e4 / np.log(2))


def test_single_precision_ratios_are_summed_in_double() -> None:
    ratios, targets = simulate(5000, 1)
    single = ratios.astype(np.float32)
    double = single.astype(np.float64)
    miss = np.log2(1 + np.exp(-double[targets])).mean()
    false_alarm = np.log2(1 + np.exp(double[~targets])).mean()
    expected = pytest.approx((miss + false_alarm) / 2, rel=1e-12)
    assert log_likelihood_ratio_cost(single, targets) == expected


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_minimum_is_that_of_scikit_learns_isotonic_regression(decimals: int) -> None:
    scores, targets = simulate(400, 3, decimals)
    share = IsotonicRegression().fit_transform(scores, targets.astype(float))
    odds_of_list = targets.mean() / (1 - targets.mean())
    with np.errstate(divide="ignore"):
        ratios = np.log(share) - np.log1p(-share) - np.log(odds_of_list)
        miss = np.log2(1 + np.exp(-ratios[targets])).mean()
        false_alarm = np.log2(1 + np.exp(ratios[~targets])).mean()
    found = minimum_log_likelihood_ratio_cost(scores, targets)
    assert found == pytest.approx((miss + false_alarm) / 2, abs=1e-12)


def test_calibrated_ratios_cost_little_more_than_their_minimum() -> None:
    # Unit normals 2 apart: the ratio of their densities at x is exp(2x − 2).
    generator = np.random.default_rng(0)
    targets = np.arange(100_000) % 4 == 0
    scores = generator.normal(size=targets.size) + 2 * targets
    ratios = 2 * scores - 2
    minimum = minimum_log_likelihood_ratio_cost(scores, targets)
    cost = log_likelihood_ratio_cost(ratios, targets)
    assert minimum <= cost == pytest.approx(minimum, rel=0.01)
    assert minimum_log_likelihood_ratio_cost(ratios, targets) == pytest.approx(minimum)
    # Overconfident, and for another prior.
    assert log_likelihood_ratio_cost(3 * ratios, targets) > 1.2 * minimum
    assert log_likelihood_ratio_cost(ratios + 3, targets) > 1.2 * minimum


def test_bad_scores_are_refused() -> None:
    with pytest.raises(MetricError, match="only target"):
        log_likelihood_ratio_cost(np.zeros(2), np.array([True, True]))
    with pytest.raises(MetricError, match="trial 1: score is inf"):
        minimum_log_likelihood_ratio_cost(np.array([0.0, np.inf]), np.array([True, False]))
