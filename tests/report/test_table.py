import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from rich.console import Console

from contravox.evaluation.result import DetectionCost, ModelFacts, SystemResult
from contravox.report.table import columns, percent, render_table

RESULT = SystemResult(
    name="[red]plain[/red] softmax",
    scores=np.array([0.9, 0.1]),
    targets=np.array([True, False]),
    equal_error_rate=0.087951,
    eer_threshold=0.4,
    detection_costs=[DetectionCost(0.01, 0.51249, (0.45, 0.6123))],
    interval=(0.0751, 0.1),
    model=ModelFacts(labels_used=True, parameters=14_650_112, training_seconds=3725.4),
)
CALIBRATED = dataclasses.replace(
    RESULT,
    name="calibrated",
    detection_costs=[DetectionCost(0.05, 0.3, None, 0.35), DetectionCost(0.01, 0.5, None, 0.6251)],
    model=dataclasses.replace(RESULT.model, labels_used=False),
    log_likelihood_ratio_cost=0.31249,
    minimum_log_likelihood_ratio_cost=0.28,
)
BARE = SystemResult(
    name="scores alone",
    scores=RESULT.scores,
    targets=RESULT.targets,
    equal_error_rate=0.5,
    eer_threshold=0.4,
    detection_costs=[],
)


def render(results: Sequence[SystemResult], width: int) -> str:
    terminal = io.StringIO()
    Console(file=terminal, width=width).print(render_table(results))
    return terminal.getvalue()


def test_numbers_in_the_units_of_their_headings() -> None:
    texts = {heading: tuple(cell) for heading, (cell,) in columns([RESULT]).items()}
    assert texts == {
        "Labels": ("yes", ""),
        "EER (%)": ("8.80", "7.51 – 10.00"),
        "minDCF (0.01)": ("0.512", "0.450 – 0.612"),
        "Parameters": ("14,650,112", ""),
        "Training (s)": ("3,725", ""),
    }


def test_what_each_objective_gave_to_the_gradient_is_a_column() -> None:
    model = ModelFacts(objective_shares={"classification": 0.556, "contrast": 0.444})
    given = columns([dataclasses.replace(BARE, model=model), RESULT])
    assert [cell.text for cell in given["Gradient of classification (%)"]] == ["55.60", ""]
    assert [cell.text for cell in given["Gradient of contrast (%)"]] == ["44.40", ""]


def test_a_column_is_there_where_a_system_has_something_to_show() -> None:
    given = columns([RESULT, BARE, CALIBRATED])
    texts = {heading: [cell.text for cell in cells] for heading, cells in given.items()}
    assert list(texts.items()) == [
        ("Labels", ["yes", "", "no"]),
        ("EER (%)", ["8.80", "50.00", "8.80"]),
        ("minDCF (0.01)", ["0.512", "", "0.500"]),
        ("minDCF (0.05)", ["", "", "0.300"]),
        ("actDCF (0.01)", ["", "", "0.625"]),
        ("actDCF (0.05)", ["", "", "0.350"]),
        ("Cllr", ["", "", "0.312"]),
        ("minCllr", ["", "", "0.280"]),
        ("Parameters", ["14,650,112", "", "14,650,112"]),
        ("Training (s)", ["3,725", "", "3,725"]),
    ]
    assert list(columns([BARE])) == ["EER (%)"]


def test_ratios_that_rank_otherwise_have_columns_of_their_own() -> None:
    ranked = dataclasses.replace(
        CALIBRATED,
        ratio_equal_error_rate=0.0375,
        detection_costs=[DetectionCost(0.05, 0.09, None, 0.075, 0.072)],
    )
    texts = {heading: cell.text for heading, (cell,) in columns([ranked]).items()}
    assert texts["EER (%)"] == "8.80"
    assert texts["EER of ratios (%)"] == "3.75"
    assert texts["minDCF (0.05)"] == "0.090"
    assert texts["minDCF of ratios (0.05)"] == "0.072"
    assert texts["actDCF (0.05)"] == "0.075"


def test_zero_has_no_sign_whatever_rounding_left_of_it() -> None:
    least = -1e-17
    about = dataclasses.replace(
        CALIBRATED,
        equal_error_rate=least,
        interval=(least, 0.01),
        detection_costs=[DetectionCost(0.01, least, (least, 0.1), least)],
        log_likelihood_ratio_cost=least,
        minimum_log_likelihood_ratio_cost=least,
    )
    texts = {heading: tuple(cell) for heading, (cell,) in columns([about]).items()}
    assert texts["EER (%)"] == ("0.00", "0.00 – 1.00")
    assert texts["minDCF (0.01)"] == ("0.000", "0.000 – 0.100")
    assert [texts[name][0] for name in ("actDCF (0.01)", "Cllr", "minCllr")] == ["0.000"] * 3


def test_nothing_is_made_of_a_rate_that_there_is_not() -> None:
    assert percent(None) == ("", "")
    assert percent(0.05) == ("5.00", "")


def test_one_system_is_listed_with_all_its_numbers() -> None:
    lines = [line.split() for line in render([CALIBRATED], 60).splitlines()]
    assert lines[0] == ["calibrated", "95", "%", "interval"]
    assert ["EER", "(%)", "8.80", "7.51", "–", "10.00"] in lines
    assert ["actDCF", "(0.01)", "0.625"] in lines
    assert ["minCllr", "0.280"] in lines
    assert "interval" not in render([BARE], 60)


def test_several_systems_are_compared_in_a_narrow_terminal() -> None:
    text = render([RESULT, CALIBRATED, BARE], 80)
    assert max(map(len, text.splitlines())) <= 80
    (line,) = (line for line in text.splitlines() if "0.512" in line)
    numbers = ["yes", "8.80", "7.51", "–", "10.00", "0.512", "14,650,112", "3,725"]
    assert line.split()[-len(numbers) :] == numbers
    assert "0.312" in text
    assert "actDCF" not in text


def test_terminal_shows_names_as_they_are_and_loses_no_digit_in_a_narrow_one() -> None:
    long = dataclasses.replace(RESULT, name="[red]" + "x" * 60)
    for results in ([long], [long, RESULT]):
        text = render(results, 72)
        assert "[red]" in text
        assert text.count("x") == 60 + text.count("softmax")
        assert all(number in text for number in ("8.80", "7.51 – 10.00", "14,650,112", "3,725"))
        assert max(map(len, text.splitlines())) <= 72
