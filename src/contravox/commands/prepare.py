"""``contravox prepare``."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.commands.numbers import HIGHEST_SEED, finite
from contravox.commands.prepare_trials import prepare_trials
from contravox.errors import ManifestError
from contravox.terminal.messages import note, tell
from contravox.terminal.stopping import goes_on

IN_RELEASE = " in release"
MOST_TRIALS = 100_000


class Corpus(StrEnum):
    """Corpora, and layouts that any corpus may have."""

    voxceleb1 = "voxceleb1"
    voxceleb2 = "voxceleb2"
    cnceleb = "cnceleb"
    voices = "voices"
    librispeech = "librispeech"
    an4 = "an4"
    musan = "musan"
    rirs = "rirs"
    noises = "noises"
    responses = "responses"
    folder = "folder"
    unlabelled = "unlabelled"
    table = "table"
    kaldi = "kaldi"
    trials = "trials"


def prepare(
    corpus: Annotated[Corpus, typer.Argument(help="Which, or how it lies on disk.")],
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER...", help="The corpus; a file for table; manifests for trials."
        ),
    ],
    output: Annotated[Path, Output],
    split: Annotated[
        bool, typer.Option("--split", help="Also make train, validation and test: 65, 15, 20 %.")
    ] = False,
    hold_out: Annotated[
        int,
        typer.Option(min=0, max=1_000_000, help="Move so many speakers from train to validation."),
    ] = 0,
    join_shorter: Annotated[
        float | None,
        typer.Option(
            min=2.0,
            max=600.0,
            callback=finite,
            help="Join utterances for training under 2 s up to so many s.",
        ),
    ] = None,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Leave out trials whose utterances are not here.")
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, max=HIGHEST_SEED, help="Of what is drawn: speakers and trials.")
    ] = 0,
    most: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100_000_000,
            help="Of trials: so many of a kind in each corpus. Default: 100,000.",
        ),
    ] = None,
    across_corpora: Annotated[
        bool,
        typer.Option("--across-corpora", help="Of trials: non-targets between corpora, too."),
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Turn a corpus into manifests and trial lists."""
    if corpus is Corpus.trials:
        if split or hold_out or join_shorter or drop_missing:
            raise ManifestError(
                "--split, --hold-out, --join-shorter and --drop-missing are of corpora, not of "
                "trials: leave them out"
            )
        most = most or MOST_TRIALS
        prepare_trials(places, output, across_corpora, most, seed, force, as_json)
        return
    if across_corpora or most is not None:
        raise ManifestError("--most and --across-corpora are of `prepare trials`: leave them out")
    if len(places) > 1:
        raise ManifestError(f"{corpus.value}: takes one folder, and {len(places)} are given")
    options = {
        "split": split,
        "hold_out": hold_out,
        "join_shorter": join_shorter,
        "drop_missing": drop_missing,
        "seed": seed,
    }
    _prepare(corpus, places[0], output, options, force, as_json)


def _prepare(
    corpus: Corpus,
    folder: Path,
    output: Path,
    options: Mapping[str, Any],
    force: bool,
    as_json: bool,
) -> None:
    """Prepare a corpus; options: of ``prepare_corpus``."""
    from contravox.corpora.preparation import prepare_corpus, prepared_files
    from contravox.files.outputs import claimed_folder
    from contravox.terminal.progress import progress_bar

    warnings: list[str] = []
    with (
        goes_on("the same command goes on from here"),
        claimed_folder(
            output,
            "prepare",
            prepared_files(corpus.value),
            inputs=(folder,) if folder.is_file() else (),
            made_from={"corpus": f"{corpus.value}: {folder.resolve()}"},
            force=force,
        ),
        progress_bar("reading headers", "files") as report,
    ):
        counts = prepare_corpus(
            corpus.value,
            folder,
            output,
            **options,
            progress=report,
            note=warnings.append,
        )
    if as_json:
        print_json({**counts, "warnings": warnings})
        return
    for name, part in counts.items():
        tell(f"{name}: " + ", ".join(_words(part)))
    for warning in warnings:
        note(f"warning: {warning}")


def _words(part: dict[str, int]) -> list[str]:
    """Each count, and beside it the release's where it is known."""
    release = {
        key.removesuffix(IN_RELEASE): value for key, value in part.items() if IN_RELEASE in key
    }
    return [
        f"{value:,} {key}" + (f" (release: {release[key]:,})" if key in release else "")
        for key, value in part.items()
        if IN_RELEASE not in key
    ]
