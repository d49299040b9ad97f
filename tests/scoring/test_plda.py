import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from contravox.errors import ScoringError, ScoringWarning
from contravox.metrics.log_likelihood_ratio_cost import log_likelihood_ratio_cost
from contravox.scoring.cosine import unit_rows
from contravox.scoring.inner_products import inner_products
from contravox.scoring.normalisation import NormalisationSettings, ScoreNormaliser
from contravox.scoring.plda import PLDA


def covariance(generator, width, scale):
    factor = generator.normal(size=(width, width))
    return scale * (factor @ factor.T / width + 0.1 * np.eye(width))


def model(width=3, seed=0):
    generator = np.random.default_rng(seed)
    return PLDA(
        generator.normal(size=width),
        covariance(generator, width, 2.0),
        covariance(generator, width, 0.5),
    )


def draw(plda, counts, seed=0):
    """Embeddings and speakers made by the model."""
    generator = np.random.default_rng(seed)
    own = generator.multivariate_normal(plda.mean, plda.between, size=len(counts))
    speakers = np.repeat(np.arange(len(counts)), counts)
    noise = generator.multivariate_normal(np.zeros(len(plda.mean)), plda.within, len(speakers))
    return own[speakers] + noise, speakers


def log_density(plda, utterances):
    """Joint log density of utterances (n, d) of one speaker, by the covariance of them all."""
    count = len(utterances)
    joint = np.kron(np.ones((count, count)), plda.between) + np.kron(np.eye(count), plda.within)
    return multivariate_normal.logpdf(utterances.ravel(), np.tile(plda.mean, count), joint)


def log_likelihood(plda, vectors, speakers):
    return sum(log_density(plda, vectors[speakers == s]) for s in np.unique(speakers))


@pytest.mark.parametrize("sessions", [1, 2, 5])
def test_scores_are_log_likelihood_ratios(sessions):
    plda = model()
    vectors, _ = draw(plda, [sessions, 1, sessions, 4], seed=1)
    enrolled = [vectors[:sessions], vectors[sessions + 1 : 2 * sessions + 1]]
    means = np.stack([utterances.mean(axis=0) for utterances in enrolled])
    enrolment = plda.enrolment_vectors(means, [sessions, sessions])
    test = plda.test_vectors(vectors)
    assert enrolment.dtype == test.dtype == np.float32
    for row, utterances in enumerate(enrolled):
        for column, tested in enumerate(vectors):
            together = log_density(plda, np.vstack([utterances, tested]))
            apart = log_density(plda, utterances) + log_density(plda, tested[None])
            score = inner_products(enrolment, test, [[row, column]])
            np.testing.assert_allclose(score, together - apart, rtol=1e-4, atol=1e-4)


def test_enrolments_may_have_different_numbers_of_utterances():
    plda = model(seed=2)
    means = np.random.default_rng(3).normal(size=(2, 3))
    both = plda.enrolment_vectors(means, [1, 7])
    np.testing.assert_allclose(both[:1], plda.enrolment_vectors(means[:1]), rtol=1e-6)
    np.testing.assert_allclose(both[1:], plda.enrolment_vectors(means[1:], [7]), rtol=1e-6)


def test_the_sides_of_a_trial_may_change_places():
    plda = model(width=20, seed=4)
    vectors, _ = draw(plda, [2] * 20, seed=5)
    pairs = np.random.default_rng(6).integers(40, size=(200, 2))
    enrolment, test = plda.enrolment_vectors(vectors), plda.test_vectors(vectors)
    np.testing.assert_allclose(
        inner_products(enrolment, test, pairs),
        inner_products(enrolment, test, pairs[:, ::-1]),
        rtol=1e-3,
        atol=1e-3,
    )


def test_learning_finds_the_covariances_again():
    plda = model(seed=7)
    counts = np.random.default_rng(8).integers(1, 12, size=3000)
    vectors, speakers = draw(plda, counts, seed=9)
    learned = PLDA.learn(vectors, speakers)
    np.testing.assert_allclose(learned.mean, plda.mean, atol=0.1)
    np.testing.assert_allclose(learned.between, plda.between, atol=0.15)
    np.testing.assert_allclose(learned.within, plda.within, atol=0.03)


def test_each_iteration_makes_the_data_likelier():
    plda = model(seed=10)
    vectors, speakers = draw(plda, np.random.default_rng(11).integers(1, 5, size=25), seed=12)
    likelihoods = [
        log_likelihood(PLDA.learn(vectors, speakers, iterations=n), vectors, speakers)
        for n in (0, 1, 2, 5, 20, 200)
    ]
    assert np.all(np.diff(likelihoods) > -1e-3)
    # And ends where no step in the covariances makes it likelier: a maximum.
    best = PLDA.learn(vectors, speakers, iterations=500)
    top = log_likelihood(best, vectors, speakers)
    generator = np.random.default_rng(13)
    for _ in range(10):
        step = 1 + 0.05 * generator.normal(size=2)
        other = PLDA(
            best.mean + 0.02 * generator.normal(size=3),
            step[0] * best.between,
            step[1] * best.within,
        )
        assert log_likelihood(other, vectors, speakers) < top


def error_rate(scores, targets):
    thresholds = np.sort(scores)
    return min(
        max((scores[targets] < t).mean(), (scores[~targets] >= t).mean()) for t in thresholds[::5]
    )


def test_on_data_of_its_model_it_beats_cosine():
    generator = np.random.default_rng(14)
    # Directions that tell speakers apart, and louder ones that do not.
    spread = np.diag([1.0] * 5 + [0.01] * 5), np.diag([0.2] * 5 + [5.0] * 5)
    plda = PLDA(np.zeros(10), *spread)
    vectors, speakers = draw(plda, [5] * 300, seed=15)
    learned = PLDA.learn(vectors, speakers)
    tests, owners = draw(plda, [4] * 60, seed=16)
    pairs = generator.integers(len(tests), size=(4000, 2))
    pairs = np.concatenate([pairs, [[4 * s, 4 * s + k] for s in range(60) for k in (1, 2, 3)]])
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    targets = owners[pairs[:, 0]] == owners[pairs[:, 1]]
    scores = inner_products(learned.enrolment_vectors(tests), learned.test_vectors(tests), pairs)
    units = unit_rows(tests)
    assert error_rate(scores, targets) < 0.7 * error_rate(
        inner_products(units, units, pairs), targets
    )
    # Its scores are calibrated as they are: the sign of the ratio tells the classes apart.
    assert np.mean(scores[targets] > 0) > 0.8
    assert np.mean(scores[~targets] < 0) > 0.8


def test_scores_can_be_normalised():
    plda = model(width=6, seed=17)
    vectors, _ = draw(plda, [1] * 40, seed=18)
    enrolment, test = plda.enrolment_vectors(vectors[:10]), plda.test_vectors(vectors[10:20])
    pairs = np.stack([np.arange(10), np.arange(10)[::-1]], axis=1)
    scores = inner_products(enrolment, test, pairs)
    cohort = plda.cohort(vectors[20:])
    normaliser = ScoreNormaliser(enrolment, test, cohort, NormalisationSettings(method="S-norm"))
    found = normaliser.normalise(scores, pairs)
    for score, normalised, (i, j) in zip(scores, found.scores, pairs, strict=True):
        a = [
            log_density(plda, np.stack([vectors[i], v]))
            - log_density(plda, vectors[i : i + 1])
            - log_density(plda, v[None])
            for v in vectors[20:]
        ]
        tested = vectors[10 + j]
        b = [
            log_density(plda, np.stack([v, tested]))
            - log_density(plda, tested[None])
            - log_density(plda, v[None])
            for v in vectors[20:]
        ]
        slow = ((score - np.mean(a)) / np.std(a) + (score - np.mean(b)) / np.std(b)) / 2
        np.testing.assert_allclose(normalised, slow, rtol=1e-3, atol=1e-3)


def test_progress_is_told():
    vectors, speakers = draw(model(), [3] * 20)
    steps = []
    PLDA.learn(vectors, speakers, iterations=3, progress=lambda *step: steps.append(step))
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_few_utterances_are_warned_of():
    # 3 numbers and 20 speakers: 3·3 + 20 utterances.
    counts = [2] * 9 + [1] * 11
    vectors, speakers = draw(model(), counts)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PLDA.learn(vectors, speakers)
    few = (
        "PLDA learns from 28 utterances of 20 speakers, too few to trust its ratios in 3 "
        "dimensions: take 29 utterances or more of so many speakers, or leave PLDA out"
    )
    with pytest.warns(ScoringWarning) as warned:
        PLDA.learn(vectors[1:], speakers[1:])
    assert [str(each.message) for each in warned] == [few]


@pytest.mark.filterwarnings("ignore::contravox.errors.ScoringWarning")
def test_what_is_warned_of_costs_more_than_no_system():
    """As many free utterances as numbers, twice and ten times as many; see ``FREE``."""
    width = 32
    plda = PLDA(np.zeros(width), np.diag(4 * 0.9 ** np.arange(width)), np.eye(width))
    tests, owners = draw(plda, [4] * 40, seed=20)
    pairs = np.stack(np.triu_indices(len(tests), 1), axis=1)
    targets = owners[pairs[:, 0]] == owners[pairs[:, 1]]
    costs = []
    for each in (2, 3, 11):
        vectors, speakers = draw(plda, [each] * width, seed=21)
        learned = PLDA.learn(vectors, speakers)
        sides = learned.enrolment_vectors(tests), learned.test_vectors(tests)
        costs.append(log_likelihood_ratio_cost(inner_products(*sides, pairs), targets))
    assert costs[0] > 100
    assert costs[1] > 1 > costs[2]


def test_bad_input_is_refused():
    vectors, speakers = draw(model(), [3] * 20)
    with pytest.raises(ScoringError, match="too few"):
        PLDA.learn(vectors, np.arange(60))
    flat = np.concatenate([vectors, speakers[:, None]], axis=1)
    with pytest.raises(ScoringError, match="in some direction no embedding differs"):
        PLDA.learn(flat, speakers)
    with pytest.raises(ScoringError, match="learned on 3"):
        model().test_vectors(np.ones((2, 4)))
    with pytest.raises(ScoringError, match="row 1 is not finite"):
        model().enrolment_vectors(np.array([[1.0, 2, 3], [np.nan, 1, 1]]))
