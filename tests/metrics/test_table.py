import dataclasses
import io

import numpy as np
from rich.console import Console

from contravox.metrics.system_result import SystemResult
from contravox.metrics.table import COLUMNS, render_table, row_texts

RESULT = SystemResult(
    name="[red]plain[/red] softmax",
    labels_used=True,
    scores=np.array([0.9, 0.1]),
    targets=np.array([True, False]),
    equal_error_rate=0.087951,
    eer_threshold=0.4,
    interval=(0.0751, 0.1),
    minimum_detection_cost=0.51249,
    parameters=14_650_112,
    training_seconds=3725.4,
)
TEXTS = ("yes", "8.80", "7.51 – 10.00", "0.512", "14,650,112", "3,725")


def test_row_in_the_units_of_the_columns() -> None:
    row = row_texts(RESULT)
    assert row == (RESULT.name, *TEXTS)
    assert len(row) == len(COLUMNS)
    assert row_texts(dataclasses.replace(RESULT, labels_used=False))[1] == "no"


def test_terminal_shows_names_as_they_are_and_loses_no_digit_in_a_narrow_one() -> None:
    terminal = io.StringIO()
    long = dataclasses.replace(RESULT, name="[red]" + "x" * 60)
    Console(file=terminal, width=72).print(render_table([long]))
    text = terminal.getvalue()
    assert "[red]" in text
    assert text.count("x") == 60
    assert all(number in text for number in TEXTS)
    assert max(map(len, text.splitlines())) <= 72
