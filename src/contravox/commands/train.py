"""``contravox train``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contravox.commands.console import Force, Json, print_json
from contravox.errors import ContravoxError, RecipeError
from contravox.terminal.messages import note, tell
from contravox.terminal.stopping import Stopped, status_of

if TYPE_CHECKING:
    from contravox.training.recipe import Recipe


def train(
    recipe: Annotated[
        str, typer.Argument(help="A YAML file, a shipped one as small/mfcon, or a run's folder.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings to change.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: runs/RECIPE, or the run's.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue where it stopped.")] = False,
    cooldown: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, metavar="EPOCHS", help="End the run RECIPE well in so many."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="One step on generated audio: what it takes.")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Train a recipe; writes model.safetensors."""
    from contravox.training.initial_run import cooldown_settings
    from contravox.training.processes import leads
    from contravox.training.recipe import Recipe
    from contravox.training.shipped import RECIPE, find_recipe

    settings = overrides or []
    try:
        run = Path(recipe) if find_recipe(recipe) == Path(recipe) / RECIPE else None
        folder = output or run or Path("runs") / Path(recipe).stem
        if cooldown is not None:
            if run is None:
                raise RecipeError(f"--cooldown: {recipe} is no folder of a run: name the run's")
            settings = [*cooldown_settings(run, cooldown), *settings]
            named = run if run.name.strip(".") else run.resolve()
            folder = output or named.with_name(f"{named.name}_cooldown")
        read = Recipe.read(recipe, settings)
        if dry_run:
            _dry_run(read, as_json)
        else:
            _claim_and_train(read, recipe, folder, resume, force, as_json)
    except ContravoxError:
        # It is raised in every process, and the first one says it.
        if leads():
            raise
        raise typer.Exit(2) from None


def _claim_and_train(
    recipe: "Recipe", name: str, folder: Path, resume: bool, force: bool, as_json: bool
) -> None:
    from contravox.files.outputs import claimed_folder
    from contravox.training.checkpoint import NAME as CHECKPOINT
    from contravox.training.processes import leads
    from contravox.training.trainer import FILES

    if not leads():
        _train(recipe, folder, resume, force, as_json)
        return
    begun = (folder / CHECKPOINT).is_file()
    # Of a training that goes on, the recipe may be the one that it wrote.
    files = [*recipe.files, *([] if begun else [Path(name)])]
    initial = recipe.training.initial_run
    files += [initial / file for file in FILES] if initial is not None else []
    with claimed_folder(folder, "train", FILES, inputs=files, resumes=begun, force=force):
        _train(recipe, folder, resume, force, as_json)


def _train(recipe: "Recipe", folder: Path, resume: bool, again: bool, as_json: bool) -> None:
    from contravox.terminal.progress import progress_bar
    from contravox.training.epoch import last_positives, positives_in_words
    from contravox.training.left_out import NAME as UNREADABLE
    from contravox.training.processes import leads
    from contravox.training.shares import mean_shares, shares_in_words
    from contravox.training.trainer import MODEL, Trainer

    if not leads():
        try:
            Trainer(recipe, folder).fit(resume=resume, again=again)
        except KeyboardInterrupt as error:
            # The first process says it.
            raise typer.Exit(status_of(error)) from None
        return
    with progress_bar("training", "steps") as report:
        trainer = Trainer(recipe, folder, progress=report)
        difference = trainer.training_set.difference_from(recipe.data)
        if difference:
            note(f"warning: the corpus holds {difference}")
        try:
            trainer.fit(resume=resume, again=again)
        except KeyboardInterrupt as error:
            step = trainer.progress.step
            raise Stopped.by(error, f"stopped after step {step}: go on with --resume") from None
    rate, shares = trainer.progress.best_rate, mean_shares(folder)
    positives = last_positives(folder)
    result = {
        "model": str(folder / MODEL),
        "steps": trainer.progress.step,
        "seconds": round(trainer.progress.seconds, 1),
        "validation_equal_error_rate": rate,
        "shares": shares,
        "sampled_positives": positives,
        "unreadable": len(trainer.left_out),
    }
    if as_json:
        print_json(result)
    else:
        validation = "" if rate is None else f", validation EER {rate:.2%}"
        tell(f"{result['model']}: {result['steps']} steps in {result['seconds']} s{validation}")
        if trainer.left_out:
            tell(f"utterances left out: {len(trainer.left_out):,}, see {folder / UNREADABLE}")
        if shares:
            tell(f"shares of the encoder's gradient: {shares_in_words(shares)}")
        if positives:
            tell(f"positives in the last epoch: {positives_in_words(positives)}")


def _dry_run(recipe: "Recipe", as_json: bool) -> None:
    from contravox.terminal.progress import progress_bar
    from contravox.training.dry_run import dry_run
    from contravox.training.processes import leads

    with progress_bar("encoding") as report:
        run = dry_run(recipe, progress=report if leads() else lambda *_: None)
    if not leads():
        return
    if as_json:
        corpora = {name: part._asdict() for name, part in run.corpora.items()}
        print_json(asdict(run) | {"corpora": corpora})
        return
    for path in run.absent:
        note(f"not there, left out: {path}")
    memory = "unknown" if run.peak_memory is None else f"{run.peak_memory / 1e9:.2f} GB"
    label = "speaker" if recipe.data.labels == "speaker" else "utterance"
    epoch = [
        f"an epoch has of {name or 'no named corpus'}: {part.segments:,} segments "
        f"({part.share:.1%}) of {part.utterances:,} utterances, {part.identities:,} {label}s, at "
        f"most {part.largest:.2%} of one {label}"
        for name, part in run.corpora.items()
    ]
    tell(
        f"parameters: {run.encoder_parameters:,} in the encoder, {run.training_parameters:,} more "
        "in training",
        f"batch: {run.batch:,} segments of {run.segment_seconds:g} s",
        f"steps: {run.steps_per_epoch:,} an epoch, {run.steps:,} in all",
        *epoch,
        f"one step on {run.device}: {run.seconds:.1f} s, peak memory {memory}",
    )
