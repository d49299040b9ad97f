import math

import pytest

from contravox.errors import ScoringError
from contravox.inference.deciding import Prior, in_per_cent


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ((1.5,), "prior 1.5: give a probability between 0 and 1"),
        ((0.0,), "prior 0: give a probability between 0 and 1"),
        ((1,), "prior 1: give a probability between 0 and 1"),
        ((math.nan,), "prior nan: give a probability between 0 and 1"),
        ((0.5, 0), "cost of a miss 0: give a finite number above 0"),
        ((0.5, math.inf), "cost of a miss inf: give a finite number above 0"),
        ((0.5, 1, -2.5), "cost of a false alarm -2.5: give a finite number above 0"),
    ],
)
def test_a_prior_and_costs_are_named_as_they_are_stated(wrong, told):
    with pytest.raises(ScoringError) as caught:
        Prior(*wrong)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("probability", "told"),
    [
        (0.0, "under 0.1%"),
        (0.00099, "under 0.1%"),
        (0.001, "0.1%"),
        (0.5, "50.0%"),
        (0.971, "97.1%"),
        (0.999, "99.9%"),
        (0.99901, "over 99.9%"),
        (1.0, "over 99.9%"),
    ],
)
def test_nobody_is_told_to_be_sure(probability, told):
    assert in_per_cent(probability) == told
