import numpy as np
import pytest
from scipy.spatial import ConvexHull
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_curve

from contravox.errors import MetricError
from contravox.metrics.det_curve import det_curve
from simulated_scores import simulate, slow_operating_points


@pytest.mark.parametrize("decimals", [0, 1, 9])
@pytest.mark.parametrize("seed", range(5))
def test_every_operating_point_lies_on_the_curve(seed: int, decimals: int) -> None:
    scores, targets = simulate(120, seed, decimals)
    curve = det_curve(scores, targets)
    # Miss + (1 − false alarm) rises along the curve, so it tells where on the curve a point is.
    along = curve.miss - curve.false_alarm
    assert np.all(np.diff(along) > 0)
    for miss, false_alarm in slow_operating_points(scores, targets):
        on_curve = np.interp(float(miss - false_alarm), along, curve.miss)
        assert on_curve == pytest.approx(float(miss), abs=1e-12)


@pytest.mark.parametrize("decimals", [0, 1, 9])
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_curve_holds_what_its_thresholds_give(decimals: int, precision: type) -> None:
    scores, targets = simulate(120, 3, decimals)
    scores = scores.astype(precision)
    curve = det_curve(scores, targets)
    points = zip(curve.miss, curve.false_alarm, curve.thresholds.tolist(), strict=True)
    for miss, false_alarm, threshold in points:
        assert miss == pytest.approx(np.mean(scores[targets] < threshold))
        assert false_alarm == pytest.approx(np.mean(scores[~targets] >= threshold))


def test_corners_by_hand() -> None:
    # Two target trials in a row at 3 and 4, a tie at 5, and a non-target trial above all.
    scores = np.array([3.0, 4, 5, 1, 2, 5, 7])
    curve = det_curve(scores, np.array([True] * 3 + [False] * 4))
    np.testing.assert_array_equal(curve.missed, [0, 0, 2, 3, 3])
    np.testing.assert_array_equal(curve.rejected, [0, 2, 2, 3, 4])
    above = np.nextafter(5, np.inf)
    np.testing.assert_array_equal(curve.thresholds, [1, 3, 5, above, np.inf])


def test_runs_of_a_kind_have_no_corners() -> None:
    scores = np.concatenate([np.arange(1000.0), np.arange(1000.0) + 5000])
    targets = np.arange(2000) >= 1000
    assert len(det_curve(scores, targets).thresholds) == 3
    assert len(det_curve(-scores, targets).thresholds) == 3


def test_curve_has_the_area_of_scikit_learns() -> None:
    scores, targets = simulate(3000, 1, decimals=1)
    curve = det_curve(scores, targets)
    false_alarm, hit = curve.false_alarm[::-1], 1 - curve.miss[::-1]
    expected_false_alarm, expected_hit, _ = roc_curve(targets, scores)
    area = np.trapezoid(hit, false_alarm)
    assert area == pytest.approx(np.trapezoid(expected_hit, expected_false_alarm), abs=1e-12)
    assert false_alarm[0] == hit[0] == 0
    assert false_alarm[-1] == hit[-1] == 1


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_hull_is_that_of_all_points(decimals: int) -> None:
    scores, targets = simulate(200, 4, decimals)
    curve = det_curve(scores, targets)
    points = np.array(slow_operating_points(scores, targets), dtype=np.float64)
    above = [[1, 1]]  # (1, 1) is above the hull, so its lower left is the side that is wanted.
    vertices = np.concatenate([points, above])[ConvexHull(np.concatenate([points, above])).vertices]
    found = np.stack([curve.miss[curve.hull], curve.false_alarm[curve.hull]], axis=1)
    for vertex in vertices[~np.all(vertices == 1, axis=1)]:
        assert np.abs(found - vertex).max(axis=1).min() < 1e-12
    slopes = np.diff(found[:, 0]) / np.maximum(-np.diff(found[:, 1]), 1e-300)
    assert np.all(np.diff(slopes) >= -1e-12)


def test_hull_has_the_shares_of_scikit_learns_isotonic_regression() -> None:
    scores, targets = simulate(500, 6, decimals=1)
    curve = det_curve(scores, targets)
    expected = IsotonicRegression().fit_transform(scores, targets.astype(float))
    bounds = curve.thresholds[curve.hull]
    missed, rejected = np.diff(curve.missed[curve.hull]), np.diff(curve.rejected[curve.hull])
    side = np.searchsorted(bounds, scores, side="right") - 1
    np.testing.assert_allclose((missed / (missed + rejected))[side], expected, atol=1e-12)


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
        det_curve(np.array(scores), np.array(targets, dtype=bool))


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
        det_curve(np.zeros(3), np.array([True, False]))
    with pytest.raises(ValueError, match=r"got \(\) and \(\)"):
        det_curve(np.array(0.5), np.array(True))
    with pytest.raises(ValueError, match="must be bool, got int64"):
        det_curve(np.zeros(2), np.array([1, 0]))


def test_integer_and_half_precision_scores_are_taken() -> None:
    targets = np.array([True, False, True, False])
    for dtype in (np.int64, np.float16, np.dtype(">f4")):
        curve = det_curve(np.array([3, 2, 1, 0]).astype(dtype), targets)
        np.testing.assert_array_equal(curve.missed, [0, 0, 1, 1, 2])
