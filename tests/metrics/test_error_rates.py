from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from contravox.errors import MetricError
from contravox.metrics.error_rates import det_curve, equal_error_rate


def simulate(trials: int, seed: int, decimals: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Scores of so many trials, tied where they are rounded to few decimals."""
    generator = np.random.default_rng(seed)
    targets = generator.random(trials) < 0.3
    targets[:2] = True, False
    return np.round(generator.normal(size=trials) + 1.5 * targets, decimals), targets


def slow_operating_points(scores: np.ndarray, targets: np.ndarray) -> list[tuple[float, float]]:
    """(miss, false alarm) at every distinct score and above all, one trial at a time."""
    points = []
    for threshold in [*sorted(set(scores.tolist())), np.inf]:
        missed = [s < threshold for s, t in zip(scores, targets, strict=True) if t]
        accepted = [s >= threshold for s, t in zip(scores, targets, strict=True) if not t]
        points.append((sum(missed) / len(missed), sum(accepted) / len(accepted)))
    return points


def slow_equal_error_rate(scores: np.ndarray, targets: np.ndarray) -> float:
    """Where the line between neighbouring points meets miss = false alarm."""
    points = slow_operating_points(scores, targets)
    for (miss, alarm), (next_miss, next_alarm) in pairwise(points):
        if next_miss >= next_alarm:
            share = (alarm - miss) / ((alarm - miss) + (next_miss - next_alarm))
            return miss + share * (next_miss - miss)
    raise AssertionError("the curve ends at miss 1, false alarm 0")


@pytest.mark.parametrize("decimals", [0, 1, 9])
@pytest.mark.parametrize("seed", range(5))
def test_equal_error_rate_is_that_of_the_loop(seed: int, decimals: int) -> None:
    scores, targets = simulate(80, seed, decimals)
    rate, _ = equal_error_rate(scores, targets)
    assert rate == pytest.approx(slow_equal_error_rate(scores, targets), abs=1e-12)


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_every_operating_point_lies_on_the_curve(decimals: int) -> None:
    scores, targets = simulate(120, 7, decimals)
    curve = det_curve(scores, targets)
    # Miss + (1 − false alarm) rises along the curve, so it tells where on the curve a point is.
    along = curve.miss - curve.false_alarm
    for miss, false_alarm in slow_operating_points(scores, targets):
        assert np.interp(miss - false_alarm, along, curve.miss) == pytest.approx(miss, abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 9])
def test_curve_holds_what_its_thresholds_give(decimals: int) -> None:
    scores, targets = simulate(120, 3, decimals)
    curve = det_curve(scores, targets)
    for miss, false_alarm, threshold in zip(*curve, strict=True):
        assert miss == pytest.approx(np.mean(scores[targets] < threshold))
        assert false_alarm == pytest.approx(np.mean(scores[~targets] >= threshold))


def test_curve_has_the_area_of_scikit_learns() -> None:
    scores, targets = simulate(3000, 1, decimals=1)
    curve = det_curve(scores, targets)
    false_positive, true_positive, _ = roc_curve(targets, scores)
    area = np.trapezoid(1 - curve.miss[::-1], curve.false_alarm[::-1])
    assert area == pytest.approx(np.trapezoid(true_positive, false_positive), abs=1e-12)


def test_equal_error_rate_by_hand() -> None:
    # At 0.4: miss 1/4, false alarm 2/4; above 0.4: miss 2/4, false alarm 1/4 (0.4 is a tie).
    scores = np.array([0.9, 0.8, 0.4, 0.1, 0.7, 0.4, 0.3, 0.2])
    targets = np.array([True] * 4 + [False] * 4)
    rate, threshold = equal_error_rate(scores, targets)
    assert rate == pytest.approx(3 / 8)
    assert threshold == pytest.approx(0.4)


def test_threshold_lies_where_the_rates_cross() -> None:
    # From just above 0 to 4 a quarter is missed, and the false alarms fall from 3/4 to none:
    # they are a quarter after two thirds of the way, as they are from 2 to 3.
    scores = np.array([0.0, 4, 5, 6, -1, 1, 2, 3])
    rate, threshold = equal_error_rate(scores, np.array([True] * 4 + [False] * 4))
    assert rate == pytest.approx(1 / 4)
    assert threshold == pytest.approx(8 / 3)


@pytest.mark.parametrize(
    ("target", "nontarget", "rate"), [(1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.0, 1.0, 1.0)]
)
def test_both_ends_are_reached(target: float, nontarget: float, rate: float) -> None:
    scores = np.array([target, target, nontarget, nontarget, nontarget])
    found, threshold = equal_error_rate(scores, np.array([True, True, False, False, False]))
    assert found == pytest.approx(rate)
    assert np.isfinite(threshold)


def test_order_of_trials_and_scale_of_scores_change_nothing() -> None:
    scores, targets = simulate(500, 2, decimals=1)
    order = np.random.default_rng(0).permutation(500)
    rate, threshold = equal_error_rate(scores, targets)
    again, scaled = equal_error_rate(3 * scores[order] - 1, targets[order])
    assert again == pytest.approx(rate, abs=1e-12)
    assert scaled == pytest.approx(3 * threshold - 1)


def test_single_precision_scores_keep_their_ties() -> None:
    scores, targets = simulate(500, 5, decimals=1)
    single = scores.astype(np.float32)
    assert equal_error_rate(single, targets)[0] == equal_error_rate(scores, targets)[0]


def test_equal_error_rate_of_normal_scores() -> None:
    # Unit normals 2 apart cross at Φ(−1) = 15.87 %.
    generator = np.random.default_rng(0)
    targets = np.arange(400_000) % 2 == 0
    rate, threshold = equal_error_rate(generator.normal(size=targets.size) + 2 * targets, targets)
    assert rate == pytest.approx(0.15866, abs=0.002)
    assert threshold == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("scores", "targets", "message"),
    [
        ([0.1, 0.2], [True, True], "only target trials"),
        ([0.1, 0.2], [False, False], "only non-target trials"),
        ([], [], "no trials"),
        ([0.1, np.nan], [True, False], "trial 1: score is nan"),
        ([np.inf, 0.2], [True, False], "trial 0: score is inf"),
    ],
)
def test_scores_that_give_no_rate_are_refused(scores: list, targets: list, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        equal_error_rate(np.array(scores), np.array(targets, dtype=bool))


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
        det_curve(np.zeros(3), np.array([True, False]))
    with pytest.raises(ValueError, match="must be bool, got int64"):
        det_curve(np.zeros(2), np.array([1, 0]))
