"""What the runs of a sweep came to: files, and a table of means and deviations."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev

import polars as pl
from pydantic import ConfigDict, TypeAdapter
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from contravox.errors import OutputError
from contravox.files.writing import atomic_path, json_text, write_text

NAME = "results.json"


@dataclass(frozen=True)
class RunResult:
    """A run of a sweep on its trials; error: why it has no rates, if it failed.

    digest: of all that it follows from, see ``sweep.run_digest``.
    """

    __pydantic_config__ = ConfigDict(allow_inf_nan=False)

    variant: str
    seed: int
    trials: str
    digest: str
    equal_error_rate: float | None = None
    minimum_detection_cost: float | None = None
    steps: int = 0
    training_seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True)
class VariantResult:
    """Over the seeds of a variant, those that failed left out.

    Means, and sample deviations, which one seed does not have.
    """

    variant: str
    runs: int
    failed: int
    equal_error_rate: float | None
    equal_error_rate_deviation: float | None
    minimum_detection_cost: float | None
    minimum_detection_cost_deviation: float | None


def summarise(results: Sequence[RunResult]) -> list[VariantResult]:
    """Each variant's mean and deviation, in the order of their first runs."""
    variants = []
    for variant in dict.fromkeys(result.variant for result in results):
        runs = [result for result in results if result.variant == variant]
        rates = [each.equal_error_rate for each in runs if each.equal_error_rate is not None]
        costs = [
            each.minimum_detection_cost for each in runs if each.minimum_detection_cost is not None
        ]
        variants.append(
            VariantResult(
                variant,
                len(rates),
                sum(result.error is not None for result in runs),
                *_mean_and_deviation(rates),
                *_mean_and_deviation(costs),
            )
        )
    return variants


def write_results(folder: Path, results: Sequence[RunResult]) -> None:
    """Write ``results.tsv``, a row for each run, and ``results.json``. Raises OutputError."""
    rows = [asdict(result) for result in results]
    with atomic_path(folder / "results.tsv") as temporary:
        pl.DataFrame(rows, infer_schema_length=None).write_csv(temporary, separator="\t")
    whole = {"runs": rows, "variants": [asdict(each) for each in summarise(results)]}
    write_text(folder / NAME, json_text(whole) + "\n")


def read_results(folder: Path) -> list[RunResult]:
    """What ``write_results`` wrote, if it did. Raises OutputError for another file."""
    path = folder / NAME
    if not path.is_file():
        return []
    try:
        return TypeAdapter(list[RunResult]).validate_python(json.loads(path.read_bytes())["runs"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise OutputError(
            f"{path}: not the results of a sweep of this version of contravox: delete it, or "
            "choose another --output"
        ) from error


def render_results(variants: Sequence[VariantResult]) -> Table:
    """Lay out the variants for the terminal."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("Variant", overflow="fold")
    for column in ("Runs", "Failed", "EER (%)", "minDCF (0.01)"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in variants:
        rate = _text(each.equal_error_rate, each.equal_error_rate_deviation, 100, 2)
        cost = _text(each.minimum_detection_cost, each.minimum_detection_cost_deviation, 1, 3)
        table.add_row(Text(each.variant), str(each.runs), str(each.failed), rate, cost)
    return table


def _mean_and_deviation(values: Sequence[float]) -> tuple[float | None, float | None]:
    return mean(values) if values else None, stdev(values) if len(values) > 1 else None


def _text(average: float | None, deviation: float | None, scale: int, digits: int) -> str:
    if average is None:
        return "–"
    spread = "" if deviation is None else f" ± {scale * deviation:.{digits}f}"
    return f"{scale * average:.{digits}f}{spread}"
