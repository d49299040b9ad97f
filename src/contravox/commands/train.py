"""``contravox train``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Json, note, print_json
from contravox.errors import ContravoxError


def train(
    recipe: Annotated[str, typer.Argument(help="A YAML file, or a shipped one: small/mfcon")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings to change.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: runs/RECIPE.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue where it stopped.")] = False,
    as_json: Json = False,
) -> None:
    """Train a recipe; writes model.safetensors."""
    from contravox.progress import progress_bar
    from contravox.training.processes import leads
    from contravox.training.recipe import Recipe
    from contravox.training.trainer import MODEL, Trainer

    read = Recipe.read(recipe, overrides or [])
    folder = output or Path("runs") / Path(recipe).stem
    if not leads():
        try:
            Trainer(read, folder).fit(resume=resume)
        except ContravoxError:
            # It is raised in every process, and the first one says it.
            raise typer.Exit(2) from None
        return
    with progress_bar("training") as report:
        trainer = Trainer(read, folder, progress=report)
        try:
            trainer.fit(resume=resume)
        except KeyboardInterrupt:
            note(f"stopped after step {trainer.progress.step}: go on with --resume")
            raise
    rate = trainer.progress.best_rate
    result = {
        "model": str(folder / MODEL),
        "steps": trainer.progress.step,
        "seconds": round(trainer.progress.seconds, 1),
        "validation_equal_error_rate": rate,
    }
    if as_json:
        print_json(result)
    else:
        validation = "" if rate is None else f", validation EER {rate:.2%}"
        print(f"{result['model']}: {result['steps']} steps in {result['seconds']} s{validation}")
