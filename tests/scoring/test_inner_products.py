import numpy as np
import pytest

from contravox.scoring import inner_products as blocks
from contravox.scoring.inner_products import inner_products


@pytest.mark.parametrize("block", [1, 20, 2**22])
@pytest.mark.parametrize("cells", [0, 10**9], ids=["gathered", "products"])
def test_products_are_those_of_the_loop(monkeypatch, block, cells):
    monkeypatch.setattr(blocks, "BLOCK", block)
    monkeypatch.setattr(blocks, "CELLS_PER_GATHER", cells)
    generator = np.random.default_rng(0)
    enrolment = generator.normal(size=(7, 5)).astype(np.float32)
    test = generator.normal(size=(9, 5)).astype(np.float32)
    pairs = np.stack([generator.integers(7, size=80), generator.integers(9, size=80)], axis=1)
    scores = inner_products(enrolment, test, pairs)
    assert scores.dtype == np.float32
    slow = [
        sum(a * b for a, b in zip(enrolment[i].tolist(), test[j].tolist(), strict=True))
        for i, j in pairs
    ]
    np.testing.assert_allclose(scores, slow, atol=1e-5)


def test_no_pairs_give_no_scores():
    vectors = np.ones((2, 3), np.float32)
    assert inner_products(vectors, vectors, np.empty((0, 2), dtype=int)).shape == (0,)


@pytest.mark.parametrize("pair", [[0, 3], [2, 0], [-1, 0]])
def test_pairs_that_name_no_row_are_refused(pair):
    enrolment, test = np.ones((2, 4), np.float32), np.ones((3, 4), np.float32)
    with pytest.raises(ValueError, match="within 2 enrolments and 3 tests"):
        inner_products(enrolment, test, [[0, 0], pair])


def test_arrays_that_do_not_fit_are_refused():
    vectors = np.ones((2, 4), np.float32)
    with pytest.raises(ValueError, match="one width"):
        inner_products(vectors, np.ones((2, 5), np.float32), [[0, 0]])
    with pytest.raises(ValueError, match=r"pairs must be \(k, 2\)"):
        inner_products(vectors, vectors, [0, 0])
