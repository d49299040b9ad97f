"""Options of the verbs that take a recording, and how they warn of it."""

from collections.abc import Iterable
from typing import Annotated, Literal

import typer

from contravox.commands.numbers import finite
from contravox.terminal.messages import note

Channel = Annotated[
    Literal["mean", "left", "right"],
    typer.Option(help="Of recordings with several: their mean, or one of the first two."),
]
AllowUnfit = Annotated[
    bool, typer.Option("--allow-unfit", help="Take recordings without enough speech too.")
]
Threshold = Annotated[
    float | None,
    typer.Option(callback=finite, help="Decide at this score, not at the model's threshold."),
]

DIFFERENT, UNDECIDED = 1, 2
"""Exit status where the speakers differ; where nothing decides, as for an error."""


def warn_of(warnings: Iterable[object]) -> None:
    """Tell people what speaks against deciding by their recordings."""
    for warning in warnings:
        note(f"warning: {warning}")
