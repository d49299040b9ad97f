"""What a teacher makes of every training utterance of the default model, written once."""

import itertools
import multiprocessing
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import polars as pl

from contravox.embeddings import Embeddings
from contravox.errors import AudioWarning
from contravox.inference.embed import embed_manifest
from contravox.inference.loading import load_model
from contravox.manifest import Manifest
from contravox.terminal.progress import progress_bar
from default_corpus import ANOTHER_WAY

SHARES = 100
"""Of the training speech, each embedded at once."""


def embed_training(teacher: Path, output: Path) -> Path:
    """The file of it, made where it is not there.

    What is said in another way has the embedding of what it was made of: the speaker is the same,
    and is to be taken for the same.
    """
    file = output / "teacher.npz"
    if file.exists():
        return file
    table = Manifest.read(output / "train" / "manifest.tsv").table
    heard = table.with_columns(
        heard=pl.col("utterance").str.replace(f"{ANOTHER_WAY}.wav", ".wav", literal=True)
    )
    own = heard.filter(pl.col("utterance") == pl.col("heard")).drop("heard")
    shares = [Manifest(own.gather_every(SHARES, start)) for start in range(SHARES)]
    # Polars' threads do not live in a process that was forked.
    pool = ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))
    with pool as processes, progress_bar("the teacher listens", "shares") as report:
        embedded = []
        for each in processes.map(_embed_share, itertools.repeat(teacher), shares):
            embedded.append(each)
            report(len(embedded), SHARES)
    together = Embeddings.joined(embedded)
    vectors = together.vectors[together.rows(heard["heard"])]
    Embeddings(heard["utterance"].to_list(), vectors).save(file)
    return file


def _embed_share(teacher: Path, manifest: Manifest) -> Embeddings:
    """In a process of its own, of which each takes one thread: two would wait for each other."""
    warnings.simplefilter("ignore", AudioWarning)
    return embed_manifest(load_model(teacher), manifest)
