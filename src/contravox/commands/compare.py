"""``contravox compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contravox.commands.console import Json, print_json
from contravox.commands.scoring_options import PTarget, TargetColumn
from contravox.terminal.messages import note, tell

if TYPE_CHECKING:
    from rich.table import Table

    from contravox.evaluation.comparison import Comparison
    from contravox.metrics.paired_bootstrap import Difference


def compare(
    first: Annotated[
        Path, typer.Argument(help="A's scores.tsv, or the folder of it that evaluate wrote.")
    ],
    second: Annotated[Path, typer.Argument(help="B's, of the same trials in any order.")],
    trials: Annotated[
        Path, typer.Option("--trials", help="The trial list, or the folder of its protocol.")
    ],
    manifest: Annotated[
        Path | None, typer.Option(help="Default: manifest.tsv beside the trials.")
    ] = None,
    p_target: PTarget = None,
    replicates: Annotated[int, typer.Option(min=1, max=100_000, help="Draws of speakers.")] = 1000,
    target_column: TargetColumn = None,
    as_json: Json = False,
) -> None:
    """Tell two systems apart on the same trials: difference, its interval, p-value."""
    from contravox.errors import few
    from contravox.evaluation.comparison import compare as compare_scores
    from contravox.evaluation.result import P_TARGETS
    from contravox.terminal.progress import progress_bar

    with progress_bar("bootstrap over speakers") as report:
        comparison = compare_scores(
            first,
            second,
            trials,
            manifest,
            target=target_column,
            p_targets=p_target or P_TARGETS,
            replicates=replicates,
            progress=report,
        )
    for name, of_first, of_second in comparison.protocol_differences:
        note(f"warning: the protocols differ: {name} is {of_first} for A, {of_second} for B")
    told = {"A": comparison.told_of_first, "B": comparison.told_of_second}
    alone = [f"{few(names)} of {system}" for system, names in told.items() if names]
    if alone:
        note(
            f"warning: the protocols tell {' and '.join(alone)} alone: whether the other differs "
            "in that is not known"
        )
    if as_json:
        print_json(comparison.to_dict())
        return
    from rich.console import Console

    listed = f", {comparison.duplicates:,} of them listed before" if comparison.duplicates else ""
    lines = [
        f"A: {comparison.first}",
        f"B: {comparison.second}",
        f"{comparison.trial_list}: {comparison.trials:,} trials{listed}, "
        f"{comparison.speakers:,} speakers",
        f"95 % intervals by {comparison.replicates:,} draws of speakers, the same for both",
    ]
    tell(*lines)
    Console().print(_table(comparison))
    tell(*map(_verdict, comparison.differences))


def _table(comparison: "Comparison") -> "Table":
    """A row for each measure: of A, of B, and B − A."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in ("", "A", "B", "B − A", "p"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for each in comparison.differences:
        scale, digits = (100, 2) if each.p_target is None else (1, 3)

        def with_interval(
            value: float,
            interval: tuple[float, float],
            sign: str = "",
            scale: int = scale,
            digits: int = digits,
        ) -> str:
            low, high = interval
            return (
                f"{scale * value:{sign}.{digits}f}\n"
                f"[{scale * low:{sign}.{digits}f}, {scale * high:{sign}.{digits}f}]"
            )

        texts = (
            with_interval(each.first, each.first_interval),
            with_interval(each.second, each.second_interval),
            with_interval(each.difference, each.interval, "+"),
        )
        p_value = f"{each.p_value:.3f}"
        table.add_row(_title(each), *(text.replace("[", r"\[") for text in texts), p_value)
    return table


def _title(difference: "Difference") -> str:
    """Of a measure, with its unit or prior."""
    if difference.p_target is None:
        return f"{difference.measure} (%)"
    return f"{difference.measure} ({difference.p_target:g})"


def _verdict(difference: "Difference") -> str:
    """What the numbers say, in words."""
    if difference.difference == 0:
        return f"{_title(difference)}: the same"
    sign, word = (-1, "lower") if difference.difference < 0 else (1, "higher")
    by = ""
    if difference.relative is not None:
        by = f" by {100 * abs(difference.relative):.1f} %"
        if difference.relative_interval is not None:
            low, high = sorted(100 * sign * bound for bound in difference.relative_interval)
            by += f" ({low:.1f} to {high:.1f} %)"
    verdict = "significant" if difference.significant else "not significant, it may be chance"
    return f"{_title(difference)}: B is {word} than A{by}: {verdict}"
