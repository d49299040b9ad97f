"""``contravox sweep``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json, print_json
from contravox.terminal.messages import note, tell
from contravox.terminal.stopping import goes_on


def sweep(
    file: Annotated[
        str, typer.Argument(help="A YAML file, or a shipped one: ablations/small/mfcon")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="For all variants.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="In place of the file's.")] = None,
    trials: Annotated[Path | None, typer.Option(help="In place of the file's.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: runs/FILE.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Train variants of a recipe with several seeds; prints mean and deviation."""
    from rich.console import Console

    from contravox.files.outputs import claimed_folder
    from contravox.terminal.progress import progress_bar
    from contravox.training.sweep import FILES, Sweep, run_sweep
    from contravox.training.sweep_results import NAME, render_results, summarise

    folder = output or Path("runs") / (Path(file).stem if Path(file).is_file() else file)
    read = Sweep.read(file)
    read = read.model_copy(
        update={"recipe": recipe or read.recipe, "trials": trials or read.trials}
    )
    with (
        claimed_folder(
            folder,
            "sweep",
            FILES,
            inputs=(Path(file), read.trials),
            resumes=(folder / NAME).is_file(),
            force=force,
        ),
        progress_bar("sweep", "steps") as report,
        goes_on("the same command goes on where it was"),
    ):
        results = run_sweep(read, folder, overrides or [], drop_others=force, progress=report)
    for result in results:
        if result.error:
            note(f"{result.variant}, seed {result.seed} failed: {result.error}")
    variants = summarise(results)
    if as_json:
        print_json([asdict(each) for each in variants])
    else:
        Console().print(render_results(variants))
        tell(f"results: {folder / 'results.tsv'}")
    if any(result.error for result in results):
        raise typer.Exit(2)
