import numpy as np
import pytest

from contravox.errors import ScoringError
from contravox.scoring import euclidean


def test_inner_products_are_minus_the_squared_distances():
    generator = np.random.default_rng(0)
    a, b = (5 * generator.standard_normal((count, 7)).astype("f4") for count in (3, 4))
    scores = euclidean.enrolment_vectors(a) @ euclidean.test_vectors(b).T
    expected = [[-sum((x - y) ** 2) for y in b.astype(float)] for x in a.astype(float)]
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


@pytest.mark.parametrize("side", [euclidean.enrolment_vectors, euclidean.test_vectors])
def test_a_vector_that_is_not_finite_is_refused(side):
    with pytest.raises(ScoringError, match="row 1 is not finite"):
        side(np.array([[1.0, 2.0], [np.nan, 0.0]]))
