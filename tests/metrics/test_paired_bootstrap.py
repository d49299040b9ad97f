import numpy as np
import pytest

from contravox.metrics.bootstrap import bootstrap_speakers, percentile_interval
from contravox.metrics.detection_cost import minimum_detection_cost
from contravox.metrics.error_rates import equal_error_rate
from contravox.metrics.paired_bootstrap import Difference, paired_bootstrap
from simulated_scores import simulate_speakers


def noisy(trials: tuple[np.ndarray, ...], noise: float, seed: int) -> np.ndarray:
    """The scores of a system that sees the same trials less clearly."""
    scores = trials[0]
    return scores + noise * np.random.default_rng(seed).normal(size=scores.size)


def test_values_and_intervals_are_those_of_each_system() -> None:
    trials = simulate_speakers(15, 0)
    other = noisy(trials, 1.0, 1)
    rate, cost = paired_bootstrap(
        trials[0], other, *trials[1:], p_targets=(0.05,), replicates=100, seed=3
    )
    drawn = [
        bootstrap_speakers(scores, *trials[1:], p_targets=(0.05,), replicates=100, seed=3)
        for scores in (trials[0], other)
    ]
    targets = trials[1]
    assert rate.first == equal_error_rate(trials[0], targets)[0]
    assert rate.second == equal_error_rate(other, targets)[0]
    assert cost.first == minimum_detection_cost(trials[0], targets, p_target=0.05)[0]
    assert cost.second == minimum_detection_cost(other, targets, p_target=0.05)[0]
    assert rate.second_interval == percentile_interval(drawn[1].equal_error_rate)
    assert cost.first_interval == percentile_interval(drawn[0].minimum_detection_cost[:, 0])
    differences = drawn[1].equal_error_rate - drawn[0].equal_error_rate
    assert rate.interval == percentile_interval(differences)
    assert rate.relative == pytest.approx(rate.second / rate.first - 1)
    assert rate.relative_interval == pytest.approx(
        percentile_interval(differences / drawn[0].equal_error_rate)
    )


def test_p_value_by_hand() -> None:
    first, second = np.full(99, 0.5), np.full(99, 0.4)
    second[:4] = 0.6, 0.7, 0.5, 0.9
    # Three worse and one equal: twice (4 + 1) of 100.
    difference = Difference.of("EER", None, (0.5, 0.4), (first, second))
    assert difference.p_value == pytest.approx(0.1)
    assert not difference.significant
    best = Difference.of("EER", None, (0.5, 0.4), (first, np.full(99, 0.4)))
    assert best.p_value == pytest.approx(0.02)
    assert best.significant
    assert best.interval == pytest.approx((-0.1, -0.1))
    assert best.relative == pytest.approx(-0.2)


def test_a_system_does_not_differ_from_itself() -> None:
    trials = simulate_speakers(10, 1)
    for difference in paired_bootstrap(trials[0], 2 * trials[0] - 1, *trials[1:], replicates=50):
        assert difference.difference == 0
        assert difference.interval == (0, 0)
        assert difference.p_value == 1


def test_changing_places_changes_the_sign_alone() -> None:
    trials = simulate_speakers(10, 2)
    other = noisy(trials, 0.7, 3)
    there = paired_bootstrap(trials[0], other, *trials[1:], replicates=60)
    back = paired_bootstrap(other, trials[0], *trials[1:], replicates=60)
    for one, two in zip(there, back, strict=True):
        assert one.difference == -two.difference
        assert one.p_value == two.p_value
        assert one.interval == pytest.approx((-two.interval[1], -two.interval[0]))


def test_speakers_in_common_tell_apart_what_separate_intervals_do_not() -> None:
    # The speakers differ far more than the systems do.
    trials = simulate_speakers(40, 4, utterances=6)
    worse = noisy(trials, 0.8, 5)
    rate = paired_bootstrap(trials[0], worse, *trials[1:], replicates=200)[0]
    assert rate.first_interval[1] > rate.second_interval[0]
    assert rate.significant
    assert rate.interval[0] > 0


def test_equally_good_systems_seldom_differ_significantly() -> None:
    told = 0
    for seed in range(60):
        trials = simulate_speakers(25, seed)
        pair = noisy(trials, 0.7, 1000 + seed), noisy(trials, 0.7, 2000 + seed)
        told += paired_bootstrap(*pair, *trials[1:], replicates=100)[0].significant
    # 3 expected; tests that forget that trials share speakers tell far more apart.
    assert told <= 7


def test_a_first_rate_of_zero_has_no_relative_difference() -> None:
    scores = np.array([2.0, 3.0, 0.0, 1.0])
    targets = np.array([True, True, False, False])
    sides = ["a", "b", "a", "b"], ["a", "b", "b", "a"]
    rate = paired_bootstrap(scores, -scores, targets, *sides, replicates=20)[0]
    assert (rate.first, rate.second) == (0, 1)
    assert rate.relative is None
    assert rate.relative_interval is None


def test_progress_counts_the_replicates_of_both_systems() -> None:
    first, *trials = simulate_speakers(4, 0)
    seen: list[tuple[int, int]] = []
    paired_bootstrap(first, -first, *trials, replicates=100, progress=lambda *at: seen.append(at))
    done = [count for count, _ in seen]
    assert {total for _, total in seen} == {200}
    assert done == sorted(set(done))
    assert {100, 200} <= set(done)


def test_replicates_are_1000_unless_said_otherwise() -> None:
    first, *trials = simulate_speakers(4, 0)
    seen: list[tuple[int, int]] = []
    paired_bootstrap(first, first, *trials, progress=lambda *at: seen.append(at))
    assert seen[-1] == (2000, 2000)
