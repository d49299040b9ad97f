import numpy as np
import pytest

from contravox.errors import MetricError
from contravox.metrics import bootstrap
from contravox.metrics.bootstrap import (
    bootstrap_speakers,
    percentile_band,
    percentile_interval,
)
from contravox.metrics.det_curve import det_curve
from contravox.metrics.detection_cost import minimum_detection_cost
from contravox.metrics.error_rates import equal_error_rate, false_rejection_rate, miss_at
from simulated_scores import simulate_speakers


class FixedDraws:
    """Stands for numpy's generator and gives the draws of a list, one after the other."""

    def __init__(self, draws: list[list[int]]) -> None:
        self.draws = iter(draws)

    def integers(self, high: int, size: int) -> np.ndarray:
        draw = np.array(next(self.draws))
        assert draw.shape == (size,)
        assert draw.max() < high
        return draw


def fix_draws(monkeypatch: pytest.MonkeyPatch, draws: list[list[int]]) -> None:
    monkeypatch.setattr(bootstrap.np.random, "default_rng", lambda seed: FixedDraws(draws))


def test_each_speaker_once_is_the_plain_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = simulate_speakers(8, 0, decimals=1)
    fix_draws(monkeypatch, [list(range(8))])
    replicates = bootstrap_speakers(*trials, replicates=1)
    assert replicates.equal_error_rate[0] == pytest.approx(equal_error_rate(*trials[:2])[0])
    expected = minimum_detection_cost(*trials[:2])[0]
    assert replicates.minimum_detection_cost[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize("decimals", [0, 1, 9])
@pytest.mark.parametrize("block", [1, 7, 4096])
def test_replicates_are_those_of_repeated_trials(
    monkeypatch: pytest.MonkeyPatch, decimals: int, block: int
) -> None:
    # Blocks that end within and between corners, and before the last draw.
    monkeypatch.setattr(bootstrap, "BLOCK_TRIALS", block)
    monkeypatch.setattr(bootstrap, "BLOCK_CORNERS", block)
    monkeypatch.setattr(bootstrap, "BLOCK_NUMBERS", 1)
    monkeypatch.setattr(bootstrap, "FEWEST_DRAWS", 4)
    scores, targets, enrolment, test = simulate_speakers(6, 1, decimals)
    order = np.random.default_rng(0).permutation(len(scores))
    scores, targets, enrolment, test = (x[order] for x in (scores, targets, enrolment, test))
    draws = np.random.default_rng(5).integers(6, size=(10, 6)).tolist()
    fix_draws(monkeypatch, draws)
    priors, false_alarms = (0.05, 0.6), (0.01, 0.2, 1.0)
    replicates = bootstrap_speakers(
        scores,
        targets,
        enrolment,
        test,
        p_targets=priors,
        false_alarms=false_alarms,
        replicates=10,
    )
    for row, draw in enumerate(draws):
        repeated = []
        for score, target, a, b in zip(scores, targets, enrolment, test, strict=True):
            times = draw.count(a) if target else draw.count(a) * draw.count(b)
            repeated += times * [(score, target)]
        plain = np.array([s for s, _ in repeated]), np.array([t for _, t in repeated])
        rate, _ = equal_error_rate(*plain)
        assert replicates.equal_error_rate[row] == pytest.approx(rate, abs=1e-12)
        costs = [minimum_detection_cost(*plain, p_target=prior)[0] for prior in priors]
        np.testing.assert_allclose(replicates.minimum_detection_cost[row], costs, atol=1e-12)
        misses = [false_rejection_rate(*plain, false_acceptance=rate)[0] for rate in false_alarms]
        np.testing.assert_allclose(replicates.miss[row], misses, atol=1e-12)


def test_draws_without_a_kind_of_trial_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, targets, enrolment, test = simulate_speakers(3, 2)
    # Speaker 2 alone has no non-target trial.
    fix_draws(monkeypatch, [[2, 2, 2], [0, 1, 2]])
    replicates = bootstrap_speakers(scores, targets, enrolment, test, replicates=1)
    assert replicates.equal_error_rate[0] == pytest.approx(equal_error_rate(scores, targets)[0])


def test_long_list_is_the_plain_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = simulate_speakers(60, 5, decimals=2)
    assert len(trials[0]) > 5 * bootstrap.BLOCK_TRIALS
    curve = det_curve(*trials[:2])
    reached = curve.false_alarm[::20]
    fix_draws(monkeypatch, [list(range(60))])
    replicates = bootstrap_speakers(*trials, false_alarms=reached.tolist(), replicates=1)
    assert replicates.equal_error_rate[0] == pytest.approx(equal_error_rate(*trials[:2])[0])
    expected = minimum_detection_cost(*trials[:2])[0]
    assert replicates.minimum_detection_cost[0, 0] == pytest.approx(expected)
    np.testing.assert_array_equal(replicates.miss[0], miss_at(curve, reached)[0])


def test_progress_reaches_the_end() -> None:
    seen = []
    trials = simulate_speakers(5, 0)
    bootstrap_speakers(*trials, replicates=150, progress=lambda *at: seen.append(at))
    assert seen[-1] == (150, 150)
    assert len(seen) > 1


def test_seed_and_trials_alone_decide_the_draws() -> None:
    scores, targets, enrolment, test = simulate_speakers(10, 3)
    order = np.random.default_rng(1).permutation(len(scores))
    first = bootstrap_speakers(scores, targets, enrolment, test, replicates=20)
    named = np.array([f"id{n:02d}" for n in range(10)])
    again = bootstrap_speakers(
        scores[order], targets[order], named[enrolment[order]], named[test[order]], replicates=20
    )
    np.testing.assert_array_equal(first.equal_error_rate, again.equal_error_rate)
    np.testing.assert_array_equal(first.minimum_detection_cost, again.minimum_detection_cost)
    other = bootstrap_speakers(scores, targets, enrolment, test, replicates=20, seed=1)
    assert not np.array_equal(first.equal_error_rate, other.equal_error_rate)


def test_interval_covers_the_rate_of_all_speakers() -> None:
    # The rate that an endless supply of such speakers would give.
    truth, _ = equal_error_rate(*simulate_speakers(600, 99, utterances=2)[:2])
    covered = 0
    for seed in range(60):
        trials = simulate_speakers(40, seed, utterances=5)
        low, high = percentile_interval(
            bootstrap_speakers(*trials, replicates=150).equal_error_rate
        )
        covered += low <= truth <= high
    # 57 expected at 95 %; an interval from resampled trials covers 38 of these 60.
    assert 50 <= covered <= 60


def test_fewer_speakers_give_a_wider_interval() -> None:
    def width(speakers: int) -> float:
        replicates = bootstrap_speakers(*simulate_speakers(speakers, 4), replicates=300)
        low, high = percentile_interval(replicates.equal_error_rate)
        return high - low

    assert width(8) > 1.5 * width(64)


def test_percentile_interval_by_hand() -> None:
    values = np.arange(101) / 100
    assert percentile_interval(values, confidence=0.9) == pytest.approx((0.05, 0.95))
    with pytest.raises(ValueError, match="confidence must be"):
        percentile_interval(values, confidence=95)


def test_band_is_the_interval_of_each() -> None:
    values = np.random.default_rng(0).normal(size=(50, 3))
    low, high = percentile_band(values, confidence=0.8)
    for column in range(3):
        interval = percentile_interval(values[:, column], confidence=0.8)
        assert interval == (low[column], high[column])


def test_contradicting_speakers_are_refused() -> None:
    scores, targets = np.array([0.9, 0.1, 0.2]), np.array([True, False, False])
    with pytest.raises(MetricError, match="trial 2: a non-target trial of speakers b and b"):
        bootstrap_speakers(scores, targets, ["a", "a", "b"], ["a", "b", "b"])
    with pytest.raises(MetricError, match="trial 0: a target trial of speakers a and c"):
        bootstrap_speakers(scores, targets, ["a", "a", "a"], ["c", "b", "b"])
    with pytest.raises(ValueError, match=r"must be \(3,\)"):
        bootstrap_speakers(scores, targets, ["a", "a"], ["a", "b", "b"])
    with pytest.raises(ValueError, match="replicates must be"):
        bootstrap_speakers(scores, targets, ["a"] * 3, ["a", "b", "b"], replicates=0)
    for wrong in ({"p_targets": (0.01, 1.0)}, {"false_alarms": (-0.1,)}):
        with pytest.raises(ValueError, match="between 0 and 1"):
            bootstrap_speakers(scores, targets, ["a"] * 3, ["a", "b", "b"], **wrong)


@pytest.mark.parametrize("confidence", [-0.5, 0, 1, 1.5])
def test_confidence_lies_between_0_and_1(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence must be between 0 and 1"):
        percentile_band(np.arange(5.0), confidence=confidence)


def test_intervals_hold_95_percent_of_1000_replicates_unless_said_otherwise() -> None:
    values = np.arange(1001) / 1000
    assert percentile_interval(values) == pytest.approx((0.025, 0.975))
    assert percentile_band(values) == pytest.approx((0.025, 0.975))
    assert len(bootstrap_speakers(*simulate_speakers(4, 0)).equal_error_rate) == 1000
