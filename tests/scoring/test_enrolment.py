import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings
from contravox.errors import ScoringError, TrialsError
from contravox.scoring.cosine import unit_rows
from contravox.scoring.enrolment import enrol, enrolment_means
from contravox.scoring.inner_products import inner_products
from contravox.trials.enrolments import Enrolments


def enrolments(*rows):
    return Enrolments(pl.DataFrame(rows, schema=["enrolment", "utterance"], orient="row"))


EMBEDDINGS = Embeddings(
    ["a1", "a2", "b1", "c1"], np.array([[3, 4], [0, 0.5], [2, 0], [1, 1]], np.float32)
)
ENROLMENTS = enrolments(("b", "b1"), ("a", "a2"), ("a", "a1"))


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # (0.6, 0.8) and (0, 1) have the mean (0.3, 0.9) of length √0.9.
        ("mean of unit embeddings", np.array([0.3, 0.9]) / np.sqrt(0.9)),
        # (3, 4) and (0, 0.5) have the mean (1.5, 2.25).
        ("mean of embeddings", np.array([1.5, 2.25]) / np.hypot(1.5, 2.25)),
        ("mean of scores", [0.3, 0.9]),
    ],
)
def test_methods_by_hand(method, expected):
    enrolled = enrol(EMBEDDINGS, ENROLMENTS, method)
    assert enrolled.utterances == ["a", "b"]
    np.testing.assert_allclose(enrolled.vectors, [expected, [1, 0]], rtol=1e-6)


def test_means_are_as_they_are_and_counted():
    enrolled, counts = enrolment_means(EMBEDDINGS, ENROLMENTS)
    assert enrolled.utterances == ["a", "b"]
    np.testing.assert_allclose(enrolled.vectors, [[1.5, 2.25], [2, 0]])
    assert counts.tolist() == [2, 1]


def many():
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((60, 5)).astype(np.float32)
    embeddings = Embeddings([f"u{i}" for i in range(60)], vectors)
    chosen = {f"m{m:02}": generator.choice(60, 1 + m % 4, replace=False) for m in range(30)}
    rows = [(model, f"u{i}") for model, several in chosen.items() for i in several]
    return embeddings, chosen, enrolments(*(rows[i] for i in generator.permutation(len(rows))))


def test_many_as_one_by_one():
    embeddings, chosen, table = many()
    enrolled = enrol(embeddings, table)
    assert enrolled.utterances == sorted(chosen)
    for model, vector in zip(enrolled.utterances, enrolled.vectors, strict=True):
        own = embeddings.vectors[chosen[model]]
        mean = (own / np.linalg.norm(own, axis=1, keepdims=True)).mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), rtol=1e-4, atol=1e-6)


def test_mean_of_scores_is_the_mean_of_the_utterances_cosines():
    embeddings, chosen, table = many()
    enrolled = enrol(embeddings, table, "mean of scores")
    tests = unit_rows(embeddings.vectors)
    for row, model in enumerate(enrolled.utterances):
        own = chosen[model]
        pairs = np.stack([own, np.full(len(own), 7)], axis=1)
        cosines = inner_products(tests, tests, pairs)
        score = inner_products(enrolled.vectors, tests, [[row, 7]])
        np.testing.assert_allclose(score, cosines.mean(), atol=1e-6)


def test_an_utterance_without_embedding_is_named():
    with pytest.raises(TrialsError, match="'a3'"):
        enrol(EMBEDDINGS, enrolments(("a", "a1"), ("a", "a3")))


def test_what_has_no_direction_is_named():
    vectors = np.array([[1, 0], [-1, 0], [0, 0]], np.float32)
    embeddings = Embeddings(["left", "right", "silent"], vectors)
    with pytest.raises(ScoringError, match="embeddings: 'silent' is zero"):
        enrol(embeddings, enrolments(("a", "left"), ("a", "silent")))
    with pytest.raises(ScoringError, match="enrolments: 'a' is zero"):
        enrol(embeddings, enrolments(("a", "left"), ("a", "right")))
    # What is not enrolled does not matter.
    assert enrol(embeddings, enrolments(("a", "left"))).vectors.tolist() == [[1, 0]]
