import polars as pl
import pytest

from contravox.numbering import number_names


@pytest.mark.parametrize(
    "names",
    [["b", "a", None, "b", "B", "é", ""], [3, 1, None, 1, 10], [None, None], []],
    ids=["texts", "numbers", "nulls", "nothing"],
)
def test_names_are_numbered_in_their_order(names):
    numbers = number_names(pl.Series(names, dtype=None if any(names) else pl.String)).to_list()
    order = sorted({name for name in names if name is not None})
    assert numbers == [None if name is None else order.index(name) for name in names]
