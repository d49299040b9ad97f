"""Embeddings kept from one evaluation to the next, so that no recording is embedded twice."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from contravox.embedding import Crops, Embedded, embed_readable, width
from contravox.embeddings import Embeddings
from contravox.errors import ModelError
from contravox.manifest import Manifest
from contravox.model import Model

PART = 4096
"""Utterances embedded between two writes: what an interrupt can cost."""


def default_cache() -> Path:
    """The user's folder for what can be made again."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "contravox"


def embed_once(
    model: Model,
    manifest: Manifest,
    folder: Path,
    *,
    crops: Crops | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Embedded:
    """Embed what ``folder`` does not hold yet, keep it there, and give all.

    A file of the folder belongs to a model's weights and the crops; in it, an utterance is known
    by the content of its audio (the manifest's digest, or else the file's size and time of change)
    and its place therein, not by its name. An interrupted call goes on where it stopped.

    progress: called with the numbers done and in all.

    Raises OutputError where the folder cannot be written.
    """
    kind = "whole utterance" if crops is None else str(crops)
    path = folder / f"{model.digest} {kind}.npz"
    try:
        kept = Embeddings.load(path) if path.exists() else None
    except ModelError:
        kept = None  # cut short: it is made again
    if kept is None:
        kept = Embeddings([], np.empty((0, width(model, crops)), np.float32))
    keys = _content_keys(manifest)
    # The longest first, as they are embedded, so that parts hold utterances of similar length.
    wanted = manifest.table.with_columns(key=keys).sort("duration", descending=True)
    missing = wanted.filter(~pl.col("key").is_in(kept.utterances)).unique(
        "key", keep="first", maintain_order=True
    )
    unreadable: dict[str, str] = {}
    done = len(wanted) - len(missing)
    for part in missing.iter_slices(PART):
        before = done

        def report(embedded: int, _: int, before: int = before) -> None:
            progress(before + embedded, len(wanted))

        utterances = Manifest(part.with_columns(utterance="key").drop("key"))
        embedded = embed_readable(model, utterances, crops=crops, progress=report)
        done += len(part)
        unreadable |= embedded.unreadable
        kept = Embeddings(
            kept.utterances + embedded.embeddings.utterances,
            np.concatenate([kept.vectors, embedded.embeddings.vectors]),
        )
        kept.save(path)
    named = pl.DataFrame({"utterance": manifest.table["utterance"], "key": keys})
    failed = pl.DataFrame(
        {"key": list(unreadable), "reason": list(unreadable.values())},
        schema={"key": pl.String, "reason": pl.String},
    )
    good = named.join(failed, on="key", how="anti", maintain_order="left")
    return Embedded(
        Embeddings(good["utterance"].to_list(), kept.vectors[kept.rows(good["key"])]),
        dict(named.join(failed, on="key").select("utterance", "reason").iter_rows()),
    )


def _content_keys(manifest: Manifest) -> pl.Series:
    """What tells the audio of each utterance from all others."""
    table = manifest.table
    digests = (
        table["digest"]
        if "digest" in table.columns
        else pl.Series([None] * len(table), dtype=pl.String)
    )
    files = [
        digest or _file_key(path)
        for digest, path in zip(digests.to_list(), table["path"].to_list(), strict=True)
    ]
    return table.select(
        pl.concat_str(pl.Series(files), "start", "duration", separator=":").alias("key")
    )["key"]


def _file_key(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        # A URL or part of a shard; a file that is not there says so when it is read.
        return path
    return f"{path}:{status.st_size}:{status.st_mtime_ns}"
