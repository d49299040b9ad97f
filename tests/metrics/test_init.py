import numpy as np
import pytest

from contravox import metrics


def test_four_trials_by_hand():
    scores, targets = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    # Accepting from 0.35 to 0.4 up, half of each kind is wrong; along the hull a quarter is.
    assert metrics.equal_error_rate(scores, targets)[0] == pytest.approx(0.5)
    hull, _ = metrics.equal_error_rate(scores, targets, method="convex_hull")
    assert hull == pytest.approx(0.25)
    # Above 0.4 nothing is accepted wrongly, and one target of two is missed.
    cost, threshold = metrics.minimum_detection_cost(scores, targets)
    assert cost == pytest.approx(0.5)
    assert 0.4 < threshold <= 0.8
    rate, _ = metrics.false_rejection_rate(scores, targets, false_acceptance=0.5)
    assert rate == 0


def test_every_name_is_there():
    assert all(callable(getattr(metrics, name)) for name in metrics.__all__)
