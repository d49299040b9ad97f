import math

import numpy as np
import pytest

from contravox.scoring import cosine
from contravox.scoring.cosine import cosine_scores, unit_rows


def slow_scores(enrolment: np.ndarray, test: np.ndarray, pairs: np.ndarray) -> list[float]:
    scores = []
    for i, j in pairs:
        a, b = enrolment[i].tolist(), test[j].tolist()
        product = sum(x * y for x, y in zip(a, b, strict=True))
        scores.append(product / math.hypot(*a) / math.hypot(*b))
    return scores


@pytest.mark.parametrize("block", [1, 20, 2**22])
@pytest.mark.parametrize("cells", [0, 10**9], ids=["gathered", "products"])
def test_scores_are_those_of_the_loop(
    monkeypatch: pytest.MonkeyPatch, block: int, cells: int
) -> None:
    monkeypatch.setattr(cosine, "BLOCK", block)
    monkeypatch.setattr(cosine, "CELLS_PER_GATHER", cells)
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
    monkeypatch.setattr(cosine, "CELLS_PER_GATHER", cells)
    embeddings = np.random.default_rng(2).normal(size=(2000, 64)).astype(np.float32)
    same = np.stack([np.arange(2000)] * 2, axis=1)
    scores = cosine_scores(embeddings, embeddings, same)
    assert scores.max() == 1
    assert scores.min() > 0.999999
    assert cosine_scores(embeddings, -embeddings, same).min() == -1


def test_no_pairs_give_no_scores() -> None:
    embeddings = np.ones((2, 3))
    assert cosine_scores(embeddings, embeddings, np.empty((0, 2), dtype=int)).shape == (0,)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_embeddings_without_direction_are_refused(value: float) -> None:
    embeddings = np.ones((4, 3))
    embeddings[2] = value
    with pytest.raises(ValueError, match="test: row 2 is zero or not finite"):
        cosine_scores(np.ones((4, 3)), embeddings, np.array([[0, 0]]))
    with pytest.raises(ValueError, match="embeddings: row 2"):
        unit_rows(embeddings)


@pytest.mark.parametrize("pair", [[0, 3], [2, 0], [-1, 0]])
def test_pairs_that_name_no_row_are_refused(pair: list[int]) -> None:
    with pytest.raises(ValueError, match="within 2 enrolments and 3 tests"):
        cosine_scores(np.ones((2, 4)), np.ones((3, 4)), np.array([[0, 0], pair]))


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one width"):
        cosine_scores(np.ones((2, 4)), np.ones((2, 5)), np.array([[0, 0]]))
    with pytest.raises(ValueError, match=r"pairs must be \(k, 2\)"):
        cosine_scores(np.ones((2, 4)), np.ones((2, 4)), np.array([0, 0]))
    with pytest.raises(ValueError, match=r"enrolment must be \(n, d\)"):
        cosine_scores(np.ones(4), np.ones((5, 4)), np.array([[0, 0]]))
