"""Embeddings kept from one evaluation to the next, so that no recording is embedded twice."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import polars as pl

from contravox.audio.digests import CONTENTS, contents, unchanged
from contravox.embedding_model import EmbeddingModel
from contravox.embeddings import Embeddings
from contravox.errors import ContravoxError, OutputError
from contravox.files.journal import Journal
from contravox.inference.embed import Crops, Embedded, embed_readable, width
from contravox.manifest import Manifest

PART = 4096
"""Utterances embedded between two writes: what an interrupt can cost."""


ELSEWHERE = "set XDG_CACHE_HOME to a folder that can be written, or pass --no-cache"


def default_cache() -> Path:
    """The user's folder for what can be made again. Raises OutputError where there is no home."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError as error:
        raise OutputError(f"embeddings cannot be kept ({error}): {ELSEWHERE}") from error
    return Path(home) / "contravox"


def embed_once(
    model: EmbeddingModel,
    manifest: Manifest,
    folder: Path,
    *,
    crops: Crops | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Embedded:
    """Embed what ``folder`` does not hold yet, keep it there, and give all.

    An utterance is known by the content of its audio as it is now, by its place therein, by the
    model's weights and the crops; not by its name, and not by the digest of a manifest, which may
    be older than the audio. See ``digests.contents`` for how the content is known; where it is not,
    the utterance is embedded every time. Several processes may share the folder, an interrupted
    call goes on where it stopped, and what is damaged is made again.

    progress: called with the numbers done and in all.

    Raises OutputError where the folder cannot be written, before anything is embedded.
    """
    _check_writable(folder)
    with _cache_errors(folder):
        table = _with_keys(manifest, Journal(folder / "contents", CONTENTS))
    kept = _Kept(folder / f"{model.digest} {crops!r}", width(model, crops))
    found = kept.read()
    # The longest first, as they are embedded, so that parts hold utterances of similar length.
    missing = table.filter(~pl.col("key").is_in(found.utterances)).unique("key", keep="first")
    missing = missing.sort("duration", "key", descending=True)
    unreadable: dict[str, str] = {}
    done = len(table) - len(missing)
    for part in missing.iter_slices(PART):
        before = done

        def report(embedded: int, _: int, before: int = before) -> None:
            progress(before + embedded, len(table))

        utterances = Manifest(part.with_columns(utterance="key"))
        embedded = embed_readable(model, utterances, crops=crops, progress=report)
        done += len(part)
        unreadable |= embedded.unreadable
        with _cache_errors(folder):
            kept.add(embedded.embeddings, part.filter(unchanged(part))["key"])
        found = Embeddings.joined([found, embedded.embeddings])
    failed = pl.DataFrame(
        {"key": list(unreadable), "reason": list(unreadable.values())},
        schema={"key": pl.String, "reason": pl.String},
    )
    good = table.join(failed, on="key", how="anti", maintain_order="left")
    return Embedded(
        Embeddings(good["utterance"].to_list(), found.vectors[found.rows(good["key"])]),
        dict(table.join(failed, on="key").select("utterance", "reason").iter_rows()),
    )


def _check_writable(folder: Path) -> None:
    with _cache_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


@contextmanager
def _cache_errors(folder: Path) -> Iterator[None]:
    """Say of a cache that cannot be written what helps. Raises OutputError."""
    try:
        yield
    except (OSError, OutputError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
        raise OutputError(
            f"{folder}: embeddings cannot be kept there ({reason.lower()}): {ELSEWHERE}"
        ) from error


def _with_keys(manifest: Manifest, known: Journal) -> pl.DataFrame:
    """The utterances, in their order, with their contents and the ``key`` that tells each audio."""
    table = manifest.table.select("utterance", "path", "start", "duration")
    content = contents(table["path"].unique(maintain_order=True), known)
    table = table.join(content, on="path", how="left", maintain_order="left")
    # What is of unknown content is no other's, and never found again.
    alone = pl.concat_str(pl.lit("unknown"), "path", "utterance", separator=" ")
    place = pl.concat_str(pl.coalesce("digest", alone), "start", "duration", separator=":")
    return table.with_columns(key=place)


class _Kept:
    """The embeddings of one model and kind, ``width`` numbers each, in files of a folder.

    A file is written once, under a name that tells which utterances it holds: processes that embed
    at the same time lose nothing of each other's.
    """

    def __init__(self, folder: Path, width: int) -> None:
        self.folder = folder
        self.width = width

    def read(self) -> Embeddings:
        """All that are kept. A file that is damaged, or holds what is not finite, is removed."""
        parts = [Embeddings([], np.empty((0, self.width), np.float32))]
        held: set[str] = set()
        for path in sorted(self.folder.glob("*.npz")):
            part = self._read_part(path)
            if part is None:
                with suppress(OSError):
                    path.unlink()
                continue
            new = [row for row, name in enumerate(part.utterances) if name not in held]
            parts.append(Embeddings([part.utterances[row] for row in new], part.vectors[new]))
            held.update(part.utterances)
        return Embeddings.joined(parts)

    def add(self, embeddings: Embeddings, utterances: pl.Series) -> None:
        """Keep the embeddings of those utterances that are there. Raises OutputError."""
        rows = np.flatnonzero(np.isin(embeddings.utterances, utterances.to_list()))
        if not len(rows):
            return
        names = [embeddings.utterances[row] for row in rows]
        name = hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]
        Embeddings(names, embeddings.vectors[rows]).save(self.folder / f"{name}.npz")

    def _read_part(self, path: Path) -> Embeddings | None:
        try:
            part = Embeddings.load(path)
        except ContravoxError:
            return None
        shaped = part.vectors.shape == (len(part), self.width)
        return part if shaped and np.isfinite(part.vectors).all() else None
