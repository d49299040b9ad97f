import math

import numpy as np
import pytest

from contravox.errors import ScoringError
from contravox.scoring import inner_products as blocks
from contravox.scoring.cosine import cosine_scores, unit_rows


def slow_scores(enrolment: np.ndarray, test: np.ndarray, pairs: np.ndarray) -> list[float]:
    scores = []
    for i, j in pairs:
        a, b = enrolment[i].tolist(), test[j].tolist()
        product = sum(x * y for x, y in zip(a, b, strict=True))
        scores.append(product / math.hypot(*a) / math.hypot(*b))
    return scores


def test_scores_are_those_of_the_loop() -> None:
    generator = np.random.default_rng(0)
    enrolment = 50 * generator.normal(size=(7, 5)).astype(np.float32)
    test = 0.01 * generator.normal(size=(9, 5)).astype(np.float32)
    pairs = np.stack([generator.integers(7, size=80), generator.integers(9, size=80)], axis=1)
    scores = cosine_scores(enrolment, test, pairs)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, slow_scores(enrolment, test, pairs), atol=1e-6)


def test_one_array_may_be_both_sides() -> None:
    embeddings = np.random.default_rng(1).normal(size=(6, 4))
    before = embeddings.copy()
    pairs = np.array([[0, 1], [5, 2], [3, 3]])
    scores = cosine_scores(embeddings, embeddings, pairs)
    np.testing.assert_allclose(scores, slow_scores(embeddings, embeddings, pairs), atol=1e-6)
    np.testing.assert_array_equal(embeddings, before)


@pytest.mark.parametrize("cells", [0, 10**9], ids=["gathered", "products"])
def test_scores_never_leave_the_range_of_a_cosine(
    monkeypatch: pytest.MonkeyPatch, cells: int
) -> None:
    monkeypatch.setattr(blocks, "CELLS_PER_GATHER", cells)
    embeddings = np.random.default_rng(2).normal(size=(2000, 64)).astype(np.float32)
    same = np.stack([np.arange(2000)] * 2, axis=1)
    scores = cosine_scores(embeddings, embeddings, same)
    assert scores.max() == 1
    assert scores.min() > 0.999999
    assert cosine_scores(embeddings, -embeddings, same).min() == -1


@pytest.mark.parametrize(
    ("value", "fault"),
    [(0.0, "zero and has no direction"), (np.nan, "not finite"), (np.inf, "not finite")],
)
def test_embeddings_without_direction_are_refused(value: float, fault: str) -> None:
    embeddings = np.ones((4, 3))
    embeddings[2] = value
    with pytest.raises(ScoringError, match=f"^test: row 2 is {fault}"):
        cosine_scores(np.ones((4, 3)), embeddings, np.array([[0, 0]]))
    with pytest.raises(ScoringError, match=r"^embeddings: row 2 "):
        unit_rows(embeddings)
    with pytest.raises(ScoringError, match=r"^tests: 'c' "):
        unit_rows(embeddings, "tests", ["a", "b", "c", "d"])


def test_embeddings_must_be_a_table() -> None:
    with pytest.raises(ValueError, match=r"enrolment must be \(n, d\)"):
        cosine_scores(np.ones(4), np.ones((5, 4)), np.array([[0, 0]]))
