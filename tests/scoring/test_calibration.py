import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from contravox.errors import ScoringError
from contravox.scoring.calibration import Calibration
from contravox.scoring.calibration_columns import quality_columns


def gaussian_trials(targets=20_000, others=60_000, seed=0):
    """Scores N(0.5, 0.1²) of targets and N(0.1, 0.1²) of others: their ratio is 40·s − 12."""
    generator = np.random.default_rng(seed)
    scores = np.concatenate(
        [generator.normal(0.5, 0.1, targets), generator.normal(0.1, 0.1, others)]
    )
    return scores, np.arange(len(scores)) < targets


def cllr(ratios, targets):
    """Brümmer & du Preez 2006, written out."""
    miss = np.logaddexp(0, -ratios[targets]).mean()
    false_alarm = np.logaddexp(0, ratios[~targets]).mean()
    return (miss + false_alarm) / (2 * math.log(2))


@pytest.mark.parametrize("p_target", [0.5, 0.01, 0.9])
def test_the_true_ratio_is_found(p_target):
    scores, targets = gaussian_trials()
    learned = Calibration.learn({"cosine": scores}, targets, p_target=p_target)
    assert learned.weights["cosine"] == pytest.approx(40, rel=0.05)
    assert learned.offset == pytest.approx(-12, rel=0.05)
    assert learned.p_target == p_target


def test_calibration_reaches_the_best_cost():
    scores, targets = gaussian_trials()
    learned = Calibration.learn({"cosine": scores}, targets)
    fresh, answers = gaussian_trials(seed=1)
    ratios = learned.log_likelihood_ratios({"cosine": fresh})
    best = cllr(40 * fresh - 12, answers)
    assert best <= cllr(ratios, answers) + 1e-4 < 1.01 * best
    assert cllr(ratios, answers) < 0.5 * cllr(fresh, answers)


def test_it_is_logistic_regression_with_equal_weights():
    generator = np.random.default_rng(2)
    table = generator.normal(size=(500, 3)) * [1, 20, 0.01] + [0, 100, 3]
    targets = table[:, 0] + table[:, 1] / 20 + generator.logistic(size=500) > 5.5
    columns = {"a": table[:, 0], "b": table[:, 1], "c": table[:, 2]}
    learned = Calibration.learn(columns, targets)
    reference = LogisticRegression(C=1e9, class_weight="balanced", tol=1e-10, max_iter=10_000)
    scale = table.std(axis=0)
    reference.fit(table / scale, targets)
    expected = (reference.decision_function(table / scale)).ravel()
    np.testing.assert_allclose(learned.log_likelihood_ratios(columns), expected, atol=1e-3)


def test_the_gradient_is_zero_at_another_prior():
    scores, targets = gaussian_trials(300, 700, seed=3)
    p_target = 0.05
    learned = Calibration.learn({"cosine": scores}, targets, p_target=p_target)

    def loss(weight, offset):
        log_odds = weight * scores + offset + math.log(p_target / (1 - p_target))
        miss = np.logaddexp(0, -log_odds[targets]).mean()
        false_alarm = np.logaddexp(0, log_odds[~targets]).mean()
        return p_target * miss + (1 - p_target) * false_alarm

    weight, offset = learned.weights["cosine"], learned.offset
    for step in (1e-2, -1e-2):
        assert loss(weight + step, offset) > loss(weight, offset) - 1e-9
        assert loss(weight, offset + step) > loss(weight, offset) - 1e-9


def test_fusion_beats_each_system():
    generator = np.random.default_rng(4)
    targets = np.arange(8000) < 4000
    systems = {
        name: np.where(targets, 1.0, 0.0) + generator.normal(0, 0.6, 8000) for name in ("a", "b")
    }
    fused = Calibration.learn(systems, targets)
    best = min(
        cllr(
            Calibration.learn({name: scores}, targets).log_likelihood_ratios({name: scores}),
            targets,
        )
        for name, scores in systems.items()
    )
    assert cllr(fused.log_likelihood_ratios(systems), targets) < 0.8 * best
    # Two independent witnesses of equal worth: log-likelihood ratios add up.
    assert fused.weights["a"] == pytest.approx(fused.weights["b"], rel=0.15)
    assert fused.weights["a"] == pytest.approx(1 / 0.36, rel=0.1)


def test_columns_go_by_name():
    generator = np.random.default_rng(7)
    targets = np.arange(400) < 200
    columns = {
        name: targets * size + generator.normal(size=400) for name, size in [("a", 1), ("b", 3)]
    }
    learned = Calibration.learn(columns, targets)
    np.testing.assert_array_equal(
        learned.log_likelihood_ratios(columns),
        learned.log_likelihood_ratios(dict(reversed(columns.items()))),
    )


def test_a_measure_of_quality_helps_where_scores_depend_on_it():
    generator = np.random.default_rng(5)
    targets = np.arange(6000) < 3000
    durations = generator.uniform(0, 3, size=(6000, 2))
    shift = durations.min(axis=1)
    columns = {"cosine": np.where(targets, 2.0, 0.0) + shift + generator.normal(0, 0.7, 6000)}
    measured = columns | quality_columns("measure", durations[:, 0], durations[:, 1])
    plain, aware = Calibration.learn(columns, targets), Calibration.learn(measured, targets)
    assert cllr(aware.log_likelihood_ratios(measured), targets) < 0.8 * cllr(
        plain.log_likelihood_ratios(columns), targets
    )
    weight = aware.weights["cosine"]
    assert aware.weights["lower measure"] == pytest.approx(-weight, rel=0.1)
    assert aware.weights["higher measure"] == pytest.approx(0, abs=0.1 * weight)


def test_it_is_saved_as_settings():
    scores, targets = gaussian_trials(100, 100)
    learned = Calibration.learn({"cosine": scores}, targets)
    again = Calibration.model_validate_json(learned.model_dump_json())
    assert again == learned
    np.testing.assert_array_equal(
        again.log_likelihood_ratios({"cosine": scores}),
        learned.weights["cosine"] * scores + learned.offset,
    )


@pytest.mark.parametrize("count", [1, 10_000])
@pytest.mark.parametrize("p_target", [0.5, 0.001])
def test_classes_that_a_threshold_parts_give_bounded_ratios(count, p_target):
    generator = np.random.default_rng(6)
    scores = np.concatenate([generator.uniform(2, 3, count), generator.uniform(0, 1, count)])
    targets = np.arange(2 * count) < count
    learned = Calibration.learn({"cosine": scores}, targets, p_target=p_target)
    ratios = learned.log_likelihood_ratios({"cosine": scores})
    assert ratios[targets].min() > 3
    assert ratios[~targets].max() < -3
    assert np.abs(ratios).max() < 50


def test_columns_that_say_nothing_or_the_same_do_no_harm():
    scores, targets = gaussian_trials(2000, 2000)
    alone = Calibration.learn({"cosine": scores}, targets)
    columns = {"cosine": scores, "twice": 2 * scores, "constant": np.full(len(scores), 0.3)}
    learned = Calibration.learn(columns, targets)
    assert learned.weights["constant"] == 0
    np.testing.assert_allclose(
        learned.log_likelihood_ratios(columns),
        alone.log_likelihood_ratios({"cosine": scores}),
        atol=0.02,
    )


def test_bad_input_is_refused():
    scores, targets = gaussian_trials(10, 10)
    with pytest.raises(ScoringError, match="got only target ones"):
        Calibration.learn({"cosine": scores[:10]}, targets[:10])
    with pytest.raises(ScoringError, match="got only non-target ones"):
        Calibration.learn({"cosine": scores[10:]}, targets[10:])
    with pytest.raises(ValueError, match=r"columns must all be \(k,\)"):
        Calibration.learn({"a": scores, "b": scores[:3]}, targets)
    with pytest.raises(ValueError, match="at least one column"):
        Calibration.learn({}, targets)
    with pytest.raises(ValueError, match="targets must be"):
        Calibration.learn({"cosine": scores}, targets.astype(int))
    with pytest.raises(ValueError, match="p_target"):
        Calibration.learn({"cosine": scores}, targets, p_target=1.0)
    learned = Calibration.learn({"cosine": scores}, targets)
    with pytest.raises(ScoringError, match="learned on cosine, got PLDA"):
        learned.log_likelihood_ratios({"PLDA": scores})
    scores[4] = np.nan
    with pytest.raises(ScoringError, match="cosine: trial 4 is nan"):
        Calibration.learn({"cosine": scores}, targets)
