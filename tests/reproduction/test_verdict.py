import pytest

from reproduction.verdict import verdict


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((-0.20, -0.05), "holds"),
        # Sure, though small.
        ((-0.015, -0.005), "holds"),
        ((0.05, 0.20), "does not hold here"),
        ((0.005, 0.015), "does not hold here"),
        # No difference that matters.
        ((-0.019, 0.018), "does not hold here"),
        ((-0.02, 0.02), "does not hold here"),
        ((-0.021, 0.01), "too close to call"),
        ((-0.01, 0.021), "too close to call"),
        ((-0.2, 0.1), "too close to call"),
        # An end on zero is on neither side.
        ((-0.1, 0.0), "too close to call"),
        ((0.0, 0.1), "too close to call"),
    ],
)
def test_intervals_decide(interval, expected):
    assert verdict(interval, 0.02) == expected


def test_without_a_margin_only_sides_decide():
    assert verdict((-0.001, 0.001), 0.0) == "too close to call"
