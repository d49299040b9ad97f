"""The table of systems, for the report and drawn for the terminal."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from contravox.evaluation.result import DetectionCost, SystemResult
from contravox.terminal.messages import printable

COMPARED = ("Labels", "EER", "minDCF", "Cllr", "Parameters", "Training")
"""What the terminal shows of several systems: the first column that starts so."""


class Cell(NamedTuple):
    """A number as text, and its 95 % interval; empty where there is none."""

    text: str = ""
    interval: str = ""


def columns(results: Sequence[SystemResult]) -> dict[str, list[Cell]]:
    """Give the columns beside the systems' names: a heading, and a cell for each system.

    A column is there where a system has something to show in it.
    """
    priors = sorted({cost.p_target for result in results for cost in result.detection_costs})
    costs = [{cost.p_target: cost for cost in result.detection_costs} for result in results]
    objectives = dict.fromkeys(name for result in results for name in result.model.objective_shares)
    given = {
        "Labels": [_answer(result.model.labels_used) for result in results],
        "EER (%)": [percent(result.equal_error_rate, result.interval) for result in results],
        **{
            f"minDCF ({prior:g})": [_minimum_cost(each.get(prior)) for each in costs]
            for prior in priors
        },
        "EER of ratios (%)": [percent(result.ratio_equal_error_rate) for result in results],
        **{
            f"minDCF of ratios ({prior:g})": [
                Cell() if prior not in each else _number(each[prior].minimum_of_ratios, "z.3f")
                for each in costs
            ]
            for prior in priors
        },
        **{
            f"actDCF ({prior:g})": [_actual_cost(each.get(prior)) for each in costs]
            for prior in priors
        },
        "Cllr": [_number(result.log_likelihood_ratio_cost, "z.3f") for result in results],
        "minCllr": [
            _number(result.minimum_log_likelihood_ratio_cost, "z.3f") for result in results
        ],
        "Parameters": [_number(result.model.parameters, ",") for result in results],
        "Training (s)": [_number(result.model.training_seconds, ",.0f") for result in results],
        **{
            f"Gradient of {name} (%)": [
                percent(result.model.objective_shares.get(name)) for result in results
            ]
            for name in objectives
        },
    }
    return {heading: cells for heading, cells in given.items() if any(cell.text for cell in cells)}


def render_table(results: Sequence[SystemResult]) -> Table:
    """Lay out results for the terminal: all of one system, the main columns of several."""
    given = columns(results)
    return _list(results[0].name, given) if len(results) == 1 else _compare(results, given)


def percent(rate: float | None, interval: tuple[float, float] | None = None) -> Cell:
    """Write a rate and its interval, between 0 and 1, in per cent."""
    if rate is None:
        return Cell()
    return Cell(f"{100 * rate:z.2f}", _range(interval, "z.2f", scale=100))


def _list(name: str, given: Mapping[str, Sequence[Cell]]) -> Table:
    """Lay out one system, a line for each number."""
    table = _table()
    table.add_column(Text(printable(name)), overflow="fold")
    table.add_column("", justify="right", no_wrap=True)
    if any(cell.interval for (cell,) in given.values()):
        table.add_column("95 % interval", justify="right", no_wrap=True)
    for heading, (cell,) in given.items():
        table.add_row(heading, *cell[: len(table.columns) - 1])
    return table


def _compare(results: Sequence[SystemResult], given: Mapping[str, Sequence[Cell]]) -> Table:
    """Lay out several systems, a line for each, names to the left."""
    starts = [next((name for name in given if name.startswith(start)), None) for start in COMPARED]
    table, rows = _table(), [[printable(result.name)] for result in results]
    table.add_column("System", overflow="fold")
    for heading in filter(None, starts):
        cells = given[heading]
        # In a narrow terminal the names wrap, and no digit is lost.
        table.add_column(heading.replace(" (", "\n("), justify="right", no_wrap=True)
        for row, cell in zip(rows, cells, strict=True):
            row.append(cell.text)
        if heading.startswith("EER") and any(cell.interval for cell in cells):
            table.add_column("95 % interval\n(%)", justify="right", no_wrap=True)
            for row, cell in zip(rows, cells, strict=True):
                row.append(cell.interval)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)


def _answer(truth: bool | None) -> Cell:
    return Cell() if truth is None else Cell("yes" if truth else "no")


def _minimum_cost(cost: DetectionCost | None) -> Cell:
    return Cell() if cost is None else Cell(f"{cost.minimum:z.3f}", _range(cost.interval, "z.3f"))


def _actual_cost(cost: DetectionCost | None) -> Cell:
    return Cell() if cost is None else _number(cost.actual, "z.3f")


def _number(value: float | None, form: str) -> Cell:
    return Cell() if value is None else Cell(format(value, form))


def _range(interval: tuple[float, float] | None, form: str, *, scale: float = 1) -> str:
    if interval is None:
        return ""
    low, high = interval
    return f"{scale * low:{form}} – {scale * high:{form}}"
