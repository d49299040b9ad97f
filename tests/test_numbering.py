import resource
import sys
from pathlib import Path

import polars as pl
import pytest

from contravox.numbering import held_once, number_names


@pytest.mark.parametrize(
    "names",
    [["b", "a", None, "b", "B", "é", ""], [3, 1, None, 1, 10], [None, None], []],
    ids=["texts", "numbers", "nulls", "nothing"],
)
def test_names_are_numbered_in_their_order(names):
    numbers = number_names(pl.Series(names, dtype=None if any(names) else pl.String)).to_list()
    order = sorted({name for name in names if name is not None})
    assert numbers == [None if name is None else order.index(name) for name in names]


def test_names_held_once_are_the_same_names():
    names = pl.Series("side", ["a name of many characters", "b", None, "b", "é", ""] * 2)
    assert held_once(names).equals(names, check_names=True)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what memory a process holds")
def test_the_text_of_a_name_is_held_once_however_often_it_comes():
    # Names of 1,000 characters, each 5,000 times: 50 MB, and 0.8 once.
    distinct = [str(number) * 1000 for number in range(10)]
    parsed = "\n".join(distinct * 5000).encode()

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    def held(kept: list[pl.Series]) -> int:
        before = resident()
        names = pl.read_csv(parsed, has_header=False, infer_schema=False).to_series()
        kept.append(held_once(names))
        del names
        return resident() - before

    kept: list[pl.Series] = []
    held(kept)
    assert sum(held(kept) for _ in range(4)) < 100e6
