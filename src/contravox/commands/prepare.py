"""``contravox prepare``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Json, Output, print_json


class Corpus(StrEnum):
    """Layouts of corpora on disk."""

    folder = "folder"
    an4 = "an4"


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
        print_json(counts)
    else:
        for name, part in counts.items():
            print(f"{name}: " + ", ".join(f"{value:,} {key}" for key, value in part.items()))
