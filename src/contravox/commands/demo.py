"""``contravox demo``."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.commands.numbers import HIGHEST_SEED
from contravox.terminal.stopping import goes_on


def demo(
    corpus: Annotated[
        Path | None, typer.Option(help="A folder per speaker. Default: synthetic voices.")
    ] = None,
    output: Annotated[Path, Output] = Path("runs/demo"),
    seed: Annotated[
        int, typer.Option(min=0, max=HIGHEST_SEED, help="Of the split and the training.")
    ] = 0,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, max=1_000_000, help="Train each system so long; for a quick look."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Train and compare the three systems in about five minutes."""
    from contravox.demo.demo import run_demo

    # What people read goes to the error stream where a program reads the output.
    with (
        goes_on("the same command goes on from here"),
        redirect_stdout(sys.stderr if as_json else sys.stdout),
    ):
        table = run_demo(corpus, output, seed=seed, epochs=epochs, force=force)
    if as_json:
        print_json(table)
