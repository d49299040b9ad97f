import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings
from contravox.enrolments import Enrolments
from contravox.errors import TrialsError
from contravox.scoring.enrolment import enrol


def enrolments(*rows):
    return Enrolments(pl.DataFrame(rows, schema=["enrolment", "utterance"], orient="row"))


def test_each_utterance_has_the_same_say():
    vectors = np.array([[3, 4], [0, 0.5], [2, 0], [1, 1]], np.float32)
    embeddings = Embeddings(["a1", "a2", "b1", "b2"], vectors)
    enrolled = enrol(embeddings, enrolments(("b", "b1"), ("a", "a2"), ("a", "a1")))
    assert enrolled.utterances == ["a", "b"]
    np.testing.assert_allclose(enrolled.vectors, [[0.3, 0.9], [1, 0]], rtol=1e-6)


def test_many_as_one_by_one():
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((60, 5)).astype(np.float32)
    embeddings = Embeddings([f"u{i}" for i in range(60)], vectors)
    chosen = {f"m{m}": generator.choice(60, 1 + m % 4, replace=False) for m in range(30)}
    rows = [(model, f"u{i}") for model, several in chosen.items() for i in several]
    enrolled = enrol(embeddings, enrolments(*(rows[i] for i in generator.permutation(len(rows)))))
    for model, vector in zip(enrolled.utterances, enrolled.vectors, strict=True):
        own = vectors[chosen[model]]
        expected = (own / np.linalg.norm(own, axis=1, keepdims=True)).mean(axis=0)
        np.testing.assert_allclose(vector, expected, rtol=1e-5, atol=1e-7)


def test_an_utterance_without_embedding_is_named():
    embeddings = Embeddings(["a1"], np.ones((1, 2), np.float32))
    with pytest.raises(TrialsError, match="'a2'"):
        enrol(embeddings, enrolments(("a", "a1"), ("a", "a2")))
