import json
import math
from dataclasses import asdict
from io import StringIO

import polars as pl
import pytest
from rich.console import Console

from contravox.errors import OutputError
from contravox.training.sweep_results import (
    RunResult,
    read_results,
    render_results,
    summarise,
    write_results,
)

RESULTS = [
    RunResult("one", 0, "trials", "digest", 0.10, 0.5, 10, 1.0),
    RunResult("two", 0, "trials", "digest", 0.20, 0.9, 10, 1.0),
    RunResult("one", 1, "trials", "digest", 0.14, 0.7, 10, 1.0),
    RunResult("two", 1, "trials", "digest", error="step 3: the loss is nan"),
    RunResult("three", 0, "trials", "digest", error="step 1: the loss is nan"),
]


def test_means_and_sample_deviations_of_the_runs_that_ended():
    one, two, three = summarise(RESULTS)
    assert (one.variant, one.runs, one.failed) == ("one", 2, 0)
    assert one.equal_error_rate == pytest.approx(0.12)
    # Of 0.10 and 0.14: √((0.02² + 0.02²) / (2 − 1)).
    assert one.equal_error_rate_deviation == pytest.approx(0.02 * math.sqrt(2))
    assert one.minimum_detection_cost == pytest.approx(0.6)
    assert one.minimum_detection_cost_deviation == pytest.approx(0.1 * math.sqrt(2))
    assert (two.runs, two.failed, two.equal_error_rate) == (1, 1, 0.20)
    assert two.equal_error_rate_deviation is None
    assert (three.runs, three.failed, three.equal_error_rate) == (0, 1, None)


def test_the_table():
    text = StringIO()
    Console(file=text, width=80).print(render_results(summarise(RESULTS)))
    rows = [line.split() for line in text.getvalue().splitlines()][2:]
    assert rows == [
        ["one", "2", "0", "12.00", "±", "2.83", "0.600", "±", "0.141"],
        ["two", "1", "1", "20.00", "0.900"],
        ["three", "0", "1", "–", "–"],
    ]


def test_what_is_written_is_read_back(tmp_path):
    assert read_results(tmp_path) == []
    write_results(tmp_path, RESULTS)
    assert read_results(tmp_path) == RESULTS
    table = pl.read_csv(tmp_path / "results.tsv", separator="\t")
    assert table["variant"].to_list() == ["one", "two", "one", "two", "three"]
    assert table["equal_error_rate"].to_list() == [0.10, 0.20, 0.14, None, None]


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "[]",
        "null",
        "[" * 20_000,
        json.dumps({"runs": [{"variant": "one"}]}),
        json.dumps({"runs": [{**asdict(RESULTS[0]), "equal_error_rate": "low"}]}),
        json.dumps({"runs": [{**asdict(RESULTS[0]), "equal_error_rate": math.nan}]}),
        b"\xff\xfe",
    ],
)
def test_another_file_is_not_overwritten(tmp_path, text):
    (tmp_path / "results.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(OutputError, match=r"results\.json: not the results of a sweep"):
        read_results(tmp_path)
