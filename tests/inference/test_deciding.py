import pytest

from contravox.inference.deciding import in_per_cent


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
