import math

import numpy as np
import pytest

from contravox.metrics.decision import bayes_threshold, posterior


def test_posterior_is_bayes_rule():
    for ratio, p_target in [(2.0, 0.5), (-1.5, 0.01), (7.0, 0.001)]:
        for_target, for_other = math.exp(ratio) * p_target, 1 - p_target
        expected = for_target / (for_target + for_other)
        np.testing.assert_allclose(posterior([ratio], p_target), [expected])
    np.testing.assert_allclose(posterior([-2000, 2000], 0.1), [0, 1])


@pytest.mark.parametrize("p_target", [0.01, 0.5, 0.9])
@pytest.mark.parametrize(("c_miss", "c_false_alarm"), [(1, 1), (10, 1), (1, 5)])
def test_at_the_threshold_both_decisions_cost_the_same(p_target, c_miss, c_false_alarm):
    threshold = bayes_threshold(p_target, c_miss, c_false_alarm)
    probability = float(posterior(threshold, p_target))
    assert c_miss * probability == pytest.approx(c_false_alarm * (1 - probability))


def test_threshold_by_hand():
    assert bayes_threshold(0.5) == 0
    assert bayes_threshold(0.01) == pytest.approx(math.log(99))
    assert bayes_threshold(0.01, c_miss=10) == pytest.approx(math.log(9.9))


@pytest.mark.parametrize("p_target", [0.0, 1.0, -1.0, math.nan])
def test_a_prior_must_leave_both_possible(p_target):
    with pytest.raises(ValueError, match="p_target"):
        bayes_threshold(p_target)
    with pytest.raises(ValueError, match="p_target"):
        posterior([0.0], p_target)


def test_costs_must_be_positive():
    with pytest.raises(ValueError, match="c_miss=0"):
        bayes_threshold(0.5, c_miss=0)
