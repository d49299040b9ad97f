"""Embeddings of a large manifest in a folder of Parquet files, a part of the manifest in each.

A part appears whole or not at all, under a name that tells which utterances it holds and by which
model. So whoever is killed loses the parts it was at and no other, several processes or machines
may write to one folder, and the same call again goes on with what is not there.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import polars as pl

from contravox.audio.stored_folder import StoredFolder
from contravox.embedding_model import EmbeddingModel
from contravox.errors import AudioError, OutputError
from contravox.inference.embed import embed_readable
from contravox.inference.embedding_table import (
    embedding_table,
    read_table_bytes,
    table_bytes,
    table_schema,
)
from contravox.manifest import Manifest

PARTS = 200
"""That a manifest is cut into, if they are not shorter or longer then than parts may be."""

SHORTEST, LONGEST = 60.0, 3600.0
"""Seconds of audio in a part: enough to fill batches, little enough to do again."""

FILES = ("part-*.parquet", "part-*.skipped.tsv")

_NAME = re.compile(r"(?P<stem>part-\d{6,}-[0-9a-f]{16}-(?P<model>[0-9a-f]{16}))\.parquet")


@dataclass(frozen=True)
class Part:
    """Utterances of a manifest that are embedded together. stem: of its files' names."""

    stem: str
    manifest: Manifest

    @property
    def file(self) -> str:
        """Of the embeddings."""
        return f"{self.stem}.parquet"

    @property
    def skipped(self) -> str:
        """Of the utterances that could not be read, and why; there only if there are such."""
        return f"{self.stem}.skipped.tsv"


class Written(NamedTuple):
    """Utterances of a part that were embedded, and that were left out as they cannot be read."""

    embedded: int
    left_out: int


Engine = Callable[[Sequence[Part]], Iterable[Written]]
"""Embeds parts and writes them, in any order, as ``PartWriter`` does."""


def plan_parts(manifest: Manifest, model: EmbeddingModel) -> list[Part]:
    """A manifest's utterances in parts, the longest utterances first; always the same."""
    table = manifest.table.sort("duration", "utterance", descending=[True, False])
    seconds = min(max(SHORTEST, float(table["duration"].sum()) / PARTS), LONGEST)
    before = pl.col("duration").cum_sum() - pl.col("duration")
    parts = table.with_columns((before // seconds).rle_id().alias("part number")).partition_by(
        "part number", maintain_order=True, include_key=False
    )
    return [
        Part(f"part-{number:06}-{_digest(rows)}-{model.digest[:16]}", Manifest(rows))
        for number, rows in enumerate(parts)
    ]


def _digest(rows: pl.DataFrame) -> str:
    """Tells which audio the utterances are, and whose, from all others."""
    known = ("utterance", "speaker", "path", "start", "duration", "digest")
    text = rows.select(name for name in known if name in rows.columns).write_csv(separator="\t")
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class PartWriter:
    """Embeds parts by the model that it holds, and writes them to a folder."""

    def __init__(self, model: EmbeddingModel, folder: StoredFolder) -> None:
        self.model = model
        self.folder = folder

    def __call__(self, part: Part) -> Written:
        """Embed the utterances of a part that are not in its file yet, and write it.

        Raises OutputError, StorageError, ModelError.
        """
        held = self._held(part)
        names = part.manifest.table["utterance"]
        missing = Manifest(part.manifest.table.filter(~names.is_in(held["utterance"].implode())))
        if not len(missing):
            self.folder.remove(part.skipped)
            return Written(len(held), 0)
        embedded = embed_readable(self.model, missing, measure_speech=True)
        skipped = missing.table.select("utterance", "path").join(
            pl.DataFrame(
                {
                    "utterance": list(embedded.unreadable),
                    "reason": list(embedded.unreadable.values()),
                },
                schema={"utterance": pl.String, "reason": pl.String},
            ),
            on="utterance",
            maintain_order="left",
        )
        # Written first: where it is missing, nothing of a part that is there was left out.
        if len(skipped):
            self.folder.write(part.skipped, skipped.write_csv(separator="\t").encode())
        table = pl.concat([held, embedding_table(self.model, missing, embedded)]).sort("utterance")
        self.folder.write(part.file, table_bytes(table))
        if not len(skipped):
            self.folder.remove(part.skipped)
        return Written(len(table), len(skipped))

    def _held(self, part: Part) -> pl.DataFrame:
        if not self.folder.has(part.file):
            return pl.DataFrame(schema=table_schema(self.model))
        return read_table_bytes(self.folder.read(part.file), self.folder / part.file, self.model)


def embed_parts(
    model: EmbeddingModel,
    manifest: Manifest,
    folder: StoredFolder,
    *,
    engine: Engine | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Written:
    """Embed what of a manifest ``folder`` does not hold yet.

    Utterances that cannot be read are left out and listed beside the part; the next call tries
    them again. engine: who embeds, this process by default. force: remove what the folder holds of
    other manifests and models. progress: called with the utterances done and in all.

    Raises OutputError where the folder holds such, or does not hold afterwards what was written to
    it; AudioError where nothing can be read; StorageError.
    """
    parts = plan_parts(manifest, model)
    names = folder.names()
    _make_room(parts, names, folder, force)
    waiting = [part for part in parts if part.file not in names or part.skipped in names]
    total = len(manifest)
    done = embedded = total - sum(len(part.manifest) for part in waiting)
    progress(done, total)
    for written in (engine or partial(map, PartWriter(model, folder)))(waiting):
        done += sum(written)
        embedded += written.embedded
        progress(done, total)
    lost = {part.file for part in parts} - folder.names()
    if lost:
        raise OutputError(
            f"{folder.place}: {len(lost):,} of {len(parts):,} parts were written where this "
            "machine does not see them: give a folder that all machines share, or a URL"
        )
    if not embedded:
        raise AudioError(
            f"{folder / parts[0].skipped}: none of {total:,} utterances can be read: "
            "it says why; mend the manifest's paths, or bring the audio to where it is read"
        )
    return Written(embedded, total - embedded)


def _make_room(
    parts: Sequence[Part], names: Iterable[str], folder: StoredFolder, force: bool
) -> None:
    """Leave only parts of this plan. Raises OutputError where others may not be removed."""
    planned = {part.file for part in parts}
    [model] = {match["model"] for part in parts if (match := _NAME.fullmatch(part.file))}
    for found in filter(None, map(_NAME.fullmatch, sorted(names))):
        if found[0] in planned:
            continue
        if not force:
            other = "manifest" if found["model"] == model else "model"
            raise OutputError(
                f"{folder / found[0]}: was made from another {other}: "
                "choose another --output, or pass --force to replace it"
            )
        folder.remove(f"{found['stem']}.skipped.tsv")
        folder.remove(found[0])
