"""The table of utterances that every corpus becomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from contravox.errors import ManifestError
from contravox.writing import atomic_path

COLUMNS = {
    "utterance": pl.String,
    "speaker": pl.String,
    "session": pl.String,
    "path": pl.String,
    "start": pl.Float64,
    "duration": pl.Float64,
    "sample_rate": pl.Int64,
}


@dataclass(frozen=True)
class Manifest:
    """Utterances in the order of their names.

    table: one row per utterance with the columns

    - utterance: its name, unique;
    - speaker, session: names, or null where unknown;
    - path: the audio, as ``audio.read_audio`` takes it: a file, a URL or a part of a shard;
      absolute, or in a manifest file relative to its folder;
    - start, duration: the part of the file that is the utterance, in seconds;
    - sample_rate: of the file, in Hz;

    and any more: the corpus, a digest of the audio file, and what the corpus knows (sex, genre,
    language ...).
    """

    table: pl.DataFrame

    def __len__(self) -> int:
        return self.table.height

    @property
    def speakers(self) -> list[str]:
        """The distinct speakers, sorted."""
        return self.table["speaker"].drop_nulls().unique().sort().to_list()

    @classmethod
    def read(cls, path: str | Path) -> "Manifest":
        """Read a tab-separated manifest. Raises ManifestError naming the file, row or column."""
        path = Path(path)
        if not path.is_file():
            raise ManifestError(f"{path}: no such manifest: make one with `contravox prepare`")
        try:
            table = pl.read_csv(path, separator="\t", infer_schema=False)
        except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else "no rows"
            raise ManifestError(f"{path}: not a tab-separated table ({reason})") from error
        for column in ("utterance", "path", "duration"):
            if column not in table.columns:
                raise ManifestError(
                    f"{path}: has no column {column!r}, only {', '.join(table.columns)}: "
                    "make the manifest with `contravox prepare`"
                )
        defaults = {"speaker": None, "session": None, "start": "0", "sample_rate": "16000"}
        table = table.with_columns(
            pl.lit(value, dtype=pl.String).alias(column)
            for column, value in defaults.items()
            if column not in table.columns
        )
        numbers = {name: dtype for name, dtype in COLUMNS.items() if dtype != pl.String}
        parsed = table.with_columns(
            pl.col(name).cast(dtype, strict=False) for name, dtype in numbers.items()
        )
        folder = path.parent.resolve()
        parsed = parsed.with_columns(
            pl.when(pl.col("path").str.contains(r"^/|^[A-Za-z][\w+.-]*://"))
            .then(pl.col("path"))
            .otherwise(pl.lit(f"{folder}/") + pl.col("path"))
        )
        for name in ("utterance", "path", *numbers):
            bad = parsed[name].is_null().arg_true()
            if len(bad):
                raise ManifestError(
                    f"{path}: row {bad[0] + 2}: {name} is {table[name][int(bad[0])]!r}, "
                    f"not a {'number' if name in numbers else 'name'}"
                )
        twice = parsed["utterance"].is_duplicated().arg_true()
        if len(twice):
            raise ManifestError(
                f"{path}: row {twice[1] + 2}: utterance {parsed['utterance'][int(twice[1])]!r} "
                "is there twice: give each a name of its own"
            )
        empty = (parsed["duration"] <= 0).arg_true()
        if len(empty):
            raise ManifestError(f"{path}: row {empty[0] + 2}: duration must be above 0 s")
        if parsed.is_empty():
            raise ManifestError(f"{path}: holds no utterance")
        return cls(parsed.select(*COLUMNS, pl.exclude(*COLUMNS)).sort("utterance"))

    @classmethod
    def joined(cls, manifests: Sequence["Manifest"]) -> "Manifest":
        """All utterances of several manifests; a column that one lacks is null there.

        Raises ManifestError where two of them share the name of an utterance.
        """
        table = pl.concat([each.table for each in manifests], how="diagonal_relaxed")
        twice = table["utterance"].is_duplicated().arg_true()
        if len(twice):
            raise ManifestError(
                f"utterance {table['utterance'][int(twice[0])]!r} is in two of the manifests: "
                "give it in one of them only, or prepare the corpora with names of their own"
            )
        return cls(table.sort("utterance"))

    @classmethod
    def of_names(cls, utterances: pl.Series) -> "Manifest":
        """Utterances (n,) of which nothing but their names is known."""
        unknown = [pl.lit(None, dtype).alias(name) for name, dtype in COLUMNS.items()]
        return cls(utterances.alias("utterance").to_frame().with_columns(unknown[1:]))

    def speakers_of(self, utterances: Sequence[str]) -> pl.Series:
        """(k,) speaker of each utterance, null where unknown.

        Raises ManifestError where an utterance is not in the manifest.
        """
        named = pl.DataFrame({"utterance": utterances}, schema={"utterance": pl.String})
        absent = named.join(self.table, on="utterance", how="anti")
        if len(absent):
            raise ManifestError(
                f"{len(absent):,} of {len(named):,} utterances are not in the manifest, such as "
                f"{absent['utterance'][0]!r}: give the manifest that they are of"
            )
        return named.join(self.table, on="utterance", how="left", maintain_order="left")["speaker"]

    def write(self, path: str | Path) -> None:
        """Write a tab-separated manifest, whole or not at all. Raises OutputError."""
        with atomic_path(Path(path)) as temporary:
            self.table.write_csv(temporary, separator="\t", float_precision=4)

    def of_speakers(self, speakers: Sequence[str]) -> "Manifest":
        """Only the utterances of ``speakers``."""
        return Manifest(self.table.filter(pl.col("speaker").is_in(list(speakers))))

    def split(self, fractions: Sequence[float], *, seed: int = 0) -> list["Manifest"]:
        """Cut into parts that share no speaker.

        fractions: share of the speakers in each part, such as (0.7, 0.1, 0.2); they add up to 1.
        seed: which speakers go where.

        Raises ManifestError where a part would be left without a pair of speakers.
        """
        speakers = self.speakers
        shuffled = np.random.default_rng(seed).permutation(len(speakers))
        edges = np.round(np.cumsum([0.0, *fractions]) * len(speakers)).astype(int)
        parts = [shuffled[low:high] for low, high in pairwise(edges)]
        if min(map(len, parts)) < 2:
            held = "1 speaker" if len(speakers) == 1 else f"{len(speakers)} speakers"
            raise ManifestError(
                f"{held} cannot be split into parts of "
                f"{', '.join(f'{fraction:.0%}' for fraction in fractions)}: "
                "each part needs at least two speakers"
            )
        return [self.of_speakers([speakers[index] for index in part]) for part in parts]
