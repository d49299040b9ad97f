"""``contravox evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Json, print_json


def evaluate(
    model: Annotated[Path, typer.Argument(help="model.safetensors")],
    trials: Annotated[
        Path, typer.Argument(help="A trial list, or the folder of a protocol: corpus/voxceleb1-o")
    ],
    manifest: Annotated[
        Path | None, typer.Option(help="Default: manifest.tsv beside the trials.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for scores.tsv, metrics.json, report.html."),
    ] = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Score speakers that were trained on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Score a trial list: EER with its interval, and minDCF."""
    from contravox.evaluation import evaluate_model
    from contravox.metrics.table import render_table
    from contravox.progress import progress_bar

    with progress_bar("embedding") as report:
        result, metrics = evaluate_model(
            model, trials, manifest, output=output, allow_overlap=allow_overlap, progress=report
        )
    if as_json:
        print_json(metrics)
    else:
        from rich.console import Console

        Console().print(render_table([result]))
        if output:
            print(f"{output / 'report.html'}")
