import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings
from contravox.errors import ScoringError, TrialsError
from contravox.scoring import inner_products
from contravox.scoring.cohort import cohort_vectors
from contravox.scoring.cosine import unit_rows
from contravox.scoring.normalisation import NormalisationSettings
from contravox.scoring.plda import PLDA
from contravox.scoring.scorer import Scorer, ScoringSettings
from contravox.scoring.whitening import Whitening
from contravox.trials.enrolments import Enrolments
from contravox.trials.trials import Trials

WIDTH = 4
TRIALS = Trials(
    pl.DataFrame(
        [("u1", "u0", True), ("u2", "u3", False), ("u0", "u4", False), ("u1", "u0", True)],
        schema=["enrolment", "test", "target"],
        orient="row",
    )
)
BEHIND = Enrolments(
    pl.DataFrame(
        [("u1", "u1"), ("u1", "u2"), ("u2", "u2"), ("u0", "u0"), ("u0", "u3")],
        schema=["enrolment", "utterance"],
        orient="row",
    )
)


def vectors(count, seed):
    return np.random.default_rng(seed).standard_normal((count, WIDTH)).astype(np.float32)


@pytest.fixture
def embeddings():
    return Embeddings([f"u{row}" for row in range(5)], 3 * vectors(5, 0))


@pytest.fixture
def training():
    """Embeddings of training data of ten speakers, and the speakers."""
    speakers = pl.Series([f"s{row // 6}" for row in range(60)])
    centres = np.repeat(vectors(10, 1), 6, axis=0)
    return Embeddings([f"t{row}" for row in range(60)], centres + 0.5 * vectors(60, 2)), speakers


def cosine(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def test_the_plain_cosine(embeddings):
    scores = Scorer(ScoringSettings()).score(embeddings, TRIALS).scores
    pairs = [(1, 0), (2, 3), (0, 4), (1, 0)]
    expected = [cosine(embeddings.vectors[a], embeddings.vectors[b]) for a, b in pairs]
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_what_is_missing_on_either_side_is_counted_together(embeddings):
    known = Embeddings(embeddings.utterances[1:4], embeddings.vectors[1:4])
    # u0 is a test of two trials and an enrolment of another; u4 is a test.
    with pytest.raises(TrialsError, match=r"^2 utterances have no embedding, such as 'u0'"):
        Scorer(ScoringSettings()).score(known, TRIALS)


@pytest.mark.parametrize("cells", [0, 10**9], ids=["gathered", "products"])
def test_scores_never_leave_the_range_of_a_cosine(monkeypatch, cells):
    monkeypatch.setattr(inner_products, "CELLS_PER_GATHER", cells)
    names = [str(row) for row in range(2000)]
    many = Embeddings(names, np.random.default_rng(2).normal(size=(2000, 64)).astype(np.float32))
    table = pl.DataFrame({"enrolment": names, "test": names, "target": [True] * 2000})
    scores = Scorer(ScoringSettings()).score(many, Trials(table)).scores
    assert scores.max() == 1
    assert scores.min() > 0.999999


def test_distances_are_of_embeddings_as_they_are_and_to_their_mean(embeddings):
    scorer = Scorer(ScoringSettings(), comparison="Euclidean distance")
    vectors, behind = embeddings.vectors, {"u1": [1, 2], "u2": [2], "u0": [0, 3]}
    pairs = [(1, 0), (2, 3), (0, 4), (1, 0)]
    expected = [-np.sum((vectors[a] - vectors[b]) ** 2) for a, b in pairs]
    np.testing.assert_allclose(scorer.score(embeddings, TRIALS).scores, expected, rtol=1e-5)
    for score, (enrolment, test, _) in zip(
        scorer.score(embeddings, TRIALS, BEHIND).scores, TRIALS.table.rows(), strict=True
    ):
        mean = vectors[behind[enrolment]].mean(axis=0)
        assert score == pytest.approx(-np.sum((mean - vectors[int(test[1])]) ** 2), rel=1e-5)
    assert scorer.describe()["score"] == "minus the squared Euclidean distance"


@pytest.mark.parametrize(
    ("settings", "crops"),
    [
        (ScoringSettings(), True),
        (ScoringSettings(whitening="whitening"), False),
        (ScoringSettings(normalisation=NormalisationSettings(method="S-norm")), False),
    ],
)
def test_distances_are_not_of_crops_nor_whitened_nor_normalised(settings, crops, training):
    with pytest.raises(ScoringError, match="compares whole utterances by their distance: leave"):
        Scorer(settings, *training, crops_averaged=crops, comparison="Euclidean distance")
    plda = ScoringSettings(backend="PLDA", whitening="whitening")
    assert Scorer(plda, *training, comparison="Euclidean distance").plda is not None


@pytest.mark.parametrize(
    "method", ["mean of unit embeddings", "mean of embeddings", "mean of scores"]
)
def test_several_utterances_by_each_method(embeddings, method):
    scores = Scorer(ScoringSettings(enrolment=method)).score(embeddings, TRIALS, BEHIND).scores
    units, raw = unit_rows(embeddings.vectors), embeddings.vectors
    behind = {"u1": [1, 2], "u2": [2], "u0": [0, 3]}
    for score, (enrolment, test, _) in zip(scores, TRIALS.table.rows(), strict=True):
        rows, tested = behind[enrolment], int(test[1])
        expected = {
            "mean of unit embeddings": cosine(units[rows].mean(axis=0), units[tested]),
            "mean of embeddings": cosine(raw[rows].mean(axis=0), units[tested]),
            "mean of scores": np.mean([units[row] @ units[tested] for row in rows]),
        }[method]
        assert score == pytest.approx(expected, abs=1e-6)


def test_lengths_say_nothing_of_what_is_whitened_or_of_crops(training):
    raw = ScoringSettings(enrolment="mean of embeddings")
    with pytest.raises(ScoringError, match="take unit or scores"):
        Scorer(raw, crops_averaged=True)
    with pytest.raises(ScoringError, match="take unit or scores"):
        Scorer(raw.model_copy(update={"whitening": "whitening"}), *training)


def test_an_enrolment_is_called_what_it_is(embeddings, training):
    unit = ScoringSettings()
    assert Scorer(unit).enrolment == "mean of unit embeddings"
    assert Scorer(unit, comparison="Euclidean distance").enrolment == "mean of embeddings"
    assert Scorer(ScoringSettings(backend="PLDA"), *training).enrolment is None
    # Means over crops have a length that counts.
    short = Embeddings(embeddings.utterances, embeddings.vectors / 10)
    crops = Scorer(unit, crops_averaged=True)
    assert crops.enrolment == "mean of scores"
    behind = {"u1": [1, 2], "u2": [2], "u0": [0, 3]}
    for score, trial in zip(
        crops.score(short, TRIALS, BEHIND).scores, TRIALS.table.rows(), strict=True
    ):
        test = short.vectors[int(trial[1][1])]
        expected = np.mean([short.vectors[row] @ test for row in behind[trial[0]]])
        assert score == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        ScoringSettings(whitening="mean subtraction"),
        ScoringSettings(backend="PLDA"),
        ScoringSettings(normalisation=NormalisationSettings(method="S-norm")),
    ],
)
def test_embeddings_of_another_model_than_the_training_ones(embeddings, training, settings):
    scorer = Scorer(settings, *training)
    wide = Embeddings(embeddings.utterances, np.ones((5, WIDTH + 1), np.float32))
    with pytest.raises(ScoringError, match=r"training embeddings are of size 4, .* of 5"):
        scorer.score(wide, TRIALS)


def test_means_over_crops_are_not_scaled(embeddings):
    half = Embeddings(embeddings.utterances, unit_rows(embeddings.vectors) / 2)
    whole = Scorer(ScoringSettings()).score(half, TRIALS).scores
    crops = Scorer(ScoringSettings(), crops_averaged=True)
    np.testing.assert_allclose(crops.score(half, TRIALS).scores, whole / 4, atol=1e-6)
    several = crops.score(half, TRIALS, BEHIND).scores
    expected = (half.vectors[1] + half.vectors[2]) / 2 @ half.vectors[0]
    assert several[0] == pytest.approx(expected, abs=1e-6)


def test_whitening_plda_and_cohort_are_learned_on_training_data(embeddings, training):
    settings = ScoringSettings(
        whitening="whitening",
        backend="PLDA",
        normalisation=NormalisationSettings(method="S-norm"),
    )
    scorer = Scorer(settings, *training)
    scored = scorer.score(embeddings, TRIALS)
    # One step after the other, trial by trial.
    whitening = Whitening.learn(training[0].vectors, training[1], "whitening")
    white = whitening.apply(training[0].vectors)
    plda = PLDA.learn(white, training[1])
    cohort = cohort_vectors(white, training[1])

    def ratio(one, other):
        return float((plda.enrolment_vectors(one[None]) @ plda.test_vectors(other[None]).T)[0, 0])

    own = whitening.apply(embeddings.vectors)
    for row, (enrolment, test, _) in enumerate(TRIALS.table.rows()):
        one, other = own[int(enrolment[1])], own[int(test[1])]
        as_enrolment = [ratio(one, member) for member in cohort]
        as_test = [ratio(member, other) for member in cohort]
        score = ratio(one, other)
        expected = (score - np.mean(as_enrolment)) / np.std(as_enrolment)
        expected += (score - np.mean(as_test)) / np.std(as_test)
        assert scored.scores[row] == pytest.approx(expected / 2, rel=1e-3, abs=1e-3)
        assert scored.cohort_means[0][row] == pytest.approx(np.mean(as_enrolment), abs=1e-3)
    described = scorer.describe()
    assert described["score"] == "log-likelihood ratio of two-covariance PLDA after whitening"
    assert "10 means of speakers" in described["normalisation"]


def test_what_learns_needs_training_data(training):
    for settings in (
        ScoringSettings(whitening="mean subtraction"),
        ScoringSettings(backend="PLDA"),
        ScoringSettings(normalisation=NormalisationSettings()),
    ):
        with pytest.raises(ScoringError, match="--training"):
            Scorer(settings)
    for settings in (ScoringSettings(backend="PLDA"), ScoringSettings(whitening="whitening")):
        with pytest.raises(ScoringError, match="crops are scored by the plain cosine"):
            Scorer(settings, *training, crops_averaged=True)
