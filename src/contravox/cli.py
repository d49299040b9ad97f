"""The command line: parses, calls, prints. Heavy imports wait until a command runs."""

import json
import sys
import warnings
from contextlib import redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from contravox.cpu import tune_process
from contravox.errors import AudioWarning, ContravoxError

app = typer.Typer(
    help="Speaker verification by contrastive learning: prepare, train, evaluate, verify.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Output = typer.Option("--output", "-o", help="Where to write.")


class Corpus(StrEnum):
    """Layouts of corpora on disk."""

    folder = "folder"
    an4 = "an4"


def main() -> None:
    """Run the command line. Errors of the user's input are one line and exit status 2."""
    tune_process()
    warnings.showwarning = _show_warning
    try:
        app()
    except ContravoxError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        _fail(f"{error.name} is not installed: pip install 'contravox[demo]'")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{(error.strerror or str(error)).lower()}")


@app.command()
def demo(
    corpus: Annotated[
        Path | None, typer.Option(help="A folder per speaker. Default: synthetic voices.")
    ] = None,
    output: Annotated[Path, Output] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="Of the split and the training.")] = 0,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Train each system so long; for a quick look.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train and compare the three systems in about five minutes."""
    from contravox.demo import run_demo

    try:
        # What people read goes to the error stream where a program reads the output.
        with redirect_stdout(sys.stderr if as_json else sys.stdout):
            table = run_demo(corpus, output, seed=seed, epochs=epochs)
    except KeyboardInterrupt:
        _note("stopped: the same command goes on from here")
        raise
    if as_json:
        _print_json(table)


@app.command()
def prepare(
    corpus: Annotated[Corpus, typer.Argument(help="How the corpus lies on disk.")],
    folder: Annotated[Path, typer.Argument(help="The corpus.")],
    output: Annotated[Path, Output],
    split: Annotated[
        bool, typer.Option(help="Also make train, validation and test parts: 65, 15, 20 %.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the split and of sampled trials.")] = 0,
    as_json: Json = False,
) -> None:
    """Turn a corpus into manifests and trial lists."""
    from contravox.preparation import prepare_corpus
    from contravox.progress import progress_bar

    with progress_bar("reading headers") as report:
        counts = prepare_corpus(
            corpus.value, folder, output, split=split, seed=seed, progress=report
        )
    if as_json:
        _print_json(counts)
    else:
        for name, part in counts.items():
            print(f"{name}: " + ", ".join(f"{value:,} {key}" for key, value in part.items()))


@app.command()
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
            _note(f"stopped after step {trainer.progress.step}: go on with --resume")
            raise
    rate = trainer.progress.best_rate
    result = {
        "model": str(folder / MODEL),
        "steps": trainer.progress.step,
        "seconds": round(trainer.progress.seconds, 1),
        "validation_equal_error_rate": rate,
    }
    if as_json:
        _print_json(result)
    else:
        validation = "" if rate is None else f", validation EER {rate:.2%}"
        print(f"{result['model']}: {result['steps']} steps in {result['seconds']} s{validation}")


@app.command()
def embed(
    model: Annotated[Path, typer.Argument(help="model.safetensors")],
    manifest: Annotated[Path, typer.Argument(help="manifest.tsv")],
    output: Annotated[Path, Output],
    as_json: Json = False,
) -> None:
    """Embed every utterance of a manifest into one .npz file."""
    from contravox.embedding import embed_manifest
    from contravox.manifest import Manifest
    from contravox.model import Model
    from contravox.progress import progress_bar

    loaded, utterances = Model.load(model), Manifest.read(manifest)
    with progress_bar("embedding") as report:
        embeddings = embed_manifest(loaded, utterances, progress=report)
    embeddings.save(output)
    if as_json:
        size = embeddings.vectors.shape[1]
        _print_json({"output": str(output), "utterances": len(embeddings), "size": size})
    else:
        print(f"{output}: {len(embeddings):,} embeddings of size {embeddings.vectors.shape[1]}")


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="model.safetensors")],
    trials: Annotated[Path, typer.Argument(help="A trial list, such as trials.tsv.")],
    manifest: Annotated[
        Path | None, typer.Option(help="Default: manifest.tsv beside the trials.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for scores.tsv, metrics.json, report.html."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a trial list: EER with its interval, and minDCF."""
    from contravox.evaluation import evaluate_model
    from contravox.metrics.table import render_table
    from contravox.progress import progress_bar

    with progress_bar("embedding") as report:
        result, metrics = evaluate_model(model, trials, manifest, output=output, progress=report)
    if as_json:
        _print_json(metrics)
    else:
        from rich.console import Console

        Console().print(render_table([result]))
        if output:
            print(f"{output / 'report.html'}")


@app.command()
def verify(
    model: Annotated[Path, typer.Argument(help="model.safetensors")],
    first: Annotated[Path, typer.Argument(help="A recording.")],
    second: Annotated[Path, typer.Argument(help="Another.")],
    threshold: Annotated[
        float | None, typer.Option(help="Decide at this score, not at the model's threshold.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether two recordings are of the same speaker."""
    from dataclasses import asdict

    from contravox.verifier import Verifier

    result = Verifier.load(model).verify(first, second, threshold=threshold)
    print(json.dumps(asdict(result), indent=2) if as_json else result)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _fail(reason: str) -> None:
    _note("error: " + " ".join(reason.split()))
    sys.exit(2)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Say what a user can mend in one line; what only developers can is not for the terminal."""
    if issubclass(category, AudioWarning):
        _note(f"warning: {message}")
