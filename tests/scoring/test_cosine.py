import math

import numpy as np
import pytest

from contravox.errors import ScoringError
from contravox.scoring.cosine import unit_rows


def test_rows_keep_their_direction_and_get_length_1() -> None:
    vectors = 50 * np.random.default_rng(0).normal(size=(7, 5))
    before = vectors.copy()
    units = unit_rows(vectors)
    assert units.dtype == np.float32
    expected = [[x / math.hypot(*row) for x in row] for row in vectors.tolist()]
    np.testing.assert_allclose(units, expected, atol=1e-6)
    np.testing.assert_array_equal(vectors, before)


@pytest.mark.parametrize(
    ("value", "fault"),
    [(0.0, "zero and has no direction"), (np.nan, "not finite"), (np.inf, "not finite")],
)
def test_embeddings_without_direction_are_refused(value: float, fault: str) -> None:
    embeddings = np.ones((4, 3))
    embeddings[2] = value
    with pytest.raises(ScoringError, match=f"^embeddings: row 2 is {fault}"):
        unit_rows(embeddings)
    with pytest.raises(ScoringError, match=r"^tests: 'c' "):
        unit_rows(embeddings, "tests", ["a", "b", "c", "d"])


def test_embeddings_must_be_a_table() -> None:
    with pytest.raises(ValueError, match=r"embeddings must be \(n, d\)"):
        unit_rows(np.ones(4))
