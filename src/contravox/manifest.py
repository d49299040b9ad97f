"""The table of utterances that every corpus becomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from contravox.audio.storage import URL
from contravox.errors import ManifestError, brief, quoted
from contravox.files.tables import read_table, write_table
from contravox.numbering import number_names

MANIFEST = "manifest.tsv"

COLUMNS = {
    "utterance": pl.String,
    "speaker": pl.String,
    "session": pl.String,
    "path": pl.String,
    "start": pl.Float64,
    "duration": pl.Float64,
    "sample_rate": pl.Int64,
}

SPEAKER_SOURCE = "speaker_source"
"""A column that says what a speaker is, where nobody named it; a manifest without it has names."""

CLUSTERS, CLUSTERS_OF_LABELS = "clusters", "clusters of a model trained with labels"
"""In it: speakers that stand for similar embeddings, of a model that read no speaker labels, or of
one that did or may have done."""

START_IN_ORIGINAL = "start_in_original"
"""A column of utterances that were cut out of a file: where in it, in s, their own files begin. The
digest stays that of the whole file. Null, or no column: at 0."""

BOUNDS = {
    "start": (0.0, 1e7),
    "duration": (0.0, 1e7),
    "sample_rate": (1.0, 1e7),
    START_IN_ORIGINAL: (0.0, 1e7),
}
"""What numbers may be, in s, s, Hz and s; a duration is above 0. 1e7 s are 115 days."""


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

    and any more: the corpus, a digest of the audio file as it was when it was prepared, what the
    corpus knows (sex, genre, language ...), ``SPEAKER_SOURCE`` where speakers are clusters, and
    ``START_IN_ORIGINAL`` where utterances were cut out of the files that the digests are of.
    """

    table: pl.DataFrame

    def __len__(self) -> int:
        return self.table.height

    @cached_property
    def identities(self) -> pl.Series:
        """(n,) who speaks each utterance.

        ``corpus/speaker``, or the speaker where no corpus is named; null where the speaker is
        unknown.

        One person is one name in one corpus: two corpora may both have a speaker 1. A name is the
        same in every Unicode form, since a copy between systems may change it, and differs by case.
        """
        return self.table.select(_identity(self.table.columns)).to_series()

    @cached_property
    def recordings(self) -> pl.DataFrame:
        """Columns utterance, speaker (a place in ``speakers``) and number, of the recording it is.

        Numbers, as each of millions of trials has them: names would be held for each.

        Recordings are told apart by their content where that is known, by what of which file they
        are, or else by their names.
        """
        source = [pl.col("path").fill_null(pl.col("utterance"))]
        if "digest" in self.table.columns:
            source.insert(0, pl.col("digest"))
        told_apart = self.table.select(
            pl.coalesce(source).alias("source"), self.starts, pl.col("duration").fill_null(0)
        )
        number = told_apart.select(pl.struct(pl.all()).rank("dense")).to_series()
        speaker = number_names(self.identities)
        return self.table.select("utterance", speaker=speaker, number=number)

    @property
    def starts(self) -> pl.Series:
        """(n,) where each utterance begins in the file that its digest is of, in s; 0 if unknown.

        That is ``start``, unless the utterance was cut out of that file since.
        """
        start = pl.col("start").fill_null(0)
        if START_IN_ORIGINAL in self.table.columns:
            # To the digits of a manifest, as a sum of two has more.
            start = (start + pl.col(START_IN_ORIGINAL).fill_null(0)).round(4)
        return self.table.select(start).to_series()

    @property
    def speakers(self) -> list[str]:
        """The distinct identities, sorted."""
        return self.identities.drop_nulls().unique().sort().to_list()

    @property
    def speakers_known(self) -> bool:
        """Whether it is known of every utterance who speaks."""
        return not self.table["speaker"].null_count()

    @property
    def clustered(self) -> pl.Series:
        """(n,) whether the speaker of each utterance is a cluster, and nobody's name."""
        if SPEAKER_SOURCE not in self.table.columns:
            return pl.repeat(False, len(self), dtype=pl.Boolean, eager=True)
        return self.table[SPEAKER_SOURCE].is_not_null()

    @property
    def labels_told(self) -> bool:
        """Whether anybody told a speaker: to the manifest, or to a model that made its clusters."""
        if SPEAKER_SOURCE not in self.table.columns:
            return True
        return not self.table[SPEAKER_SOURCE].eq_missing(CLUSTERS).all()

    @classmethod
    def read(cls, path: str | Path) -> "Manifest":
        """Read a tab-separated manifest. Raises ManifestError naming the file, row or column."""
        path = Path(path)
        if not path.is_file():
            raise ManifestError(f"{path}: no such manifest: make one with `contravox prepare`")
        table = read_table(path, ManifestError, needs=("utterance", "path", "duration"))
        if table.is_empty():
            raise ManifestError(f"{path}: holds no utterance")
        defaults = {"speaker": None, "session": None, "start": "0", "sample_rate": "16000"}
        table = table.with_columns(
            pl.lit(value, dtype=pl.String).alias(column)
            for column, value in defaults.items()
            if column not in table.columns
        )
        numbers = [name for name in BOUNDS if name in table.columns]
        parsed = parse_columns(table, path, filled=("utterance", "path"), numbers=numbers)
        parsed = parsed.with_columns(
            located(path.parent), pl.col("sample_rate").cast(COLUMNS["sample_rate"])
        )
        twice = parsed["utterance"].is_duplicated().arg_true()
        if len(twice):
            name = quoted(parsed["utterance"][int(twice[1])])
            raise ManifestError(
                f"{path}: row {twice[1] + 2}: utterance {name} is there twice: give each a name of "
                "its own"
            )
        return cls(parsed.select(*COLUMNS, pl.exclude(*COLUMNS)).sort("utterance"))

    @classmethod
    def joined(cls, manifests: Sequence["Manifest"]) -> "Manifest":
        """All utterances of several manifests; a column that one lacks is null there.

        Where corpora share names of utterances, all are called ``corpus/utterance``.

        Raises ManifestError where two manifests share the name of an utterance of one corpus.
        """
        table = pl.concat([each.table for each in manifests], how="diagonal_relaxed")
        if "corpus" in table.columns and table["utterance"].is_duplicated().any():
            within = pl.concat_str("corpus", "utterance", separator="/")
            table = table.with_columns(utterance=pl.coalesce(within, "utterance"))
        twice = table["utterance"].is_duplicated().arg_true()
        if len(twice):
            name = quoted(table["utterance"][int(twice[0])])
            raise ManifestError(
                f"utterance {name} is in two of the manifests: "
                "give it in one of them only, or prepare the corpora with names of their own"
            )
        return cls(table.sort("utterance"))

    @classmethod
    def of_names(cls, utterances: pl.Series, speakers: str | None = None) -> "Manifest":
        """Utterances (n,) of which nothing but their names is known.

        speakers: a regular expression (without look-around) of which the first group is the speaker
        in a name; None where nobody is known.

        Raises ManifestError where it is none, has no group, or does not fit every name.
        """
        unknown = [pl.lit(None, dtype).alias(name) for name, dtype in COLUMNS.items()]
        table = utterances.alias("utterance").to_frame().with_columns(unknown[1:])
        if speakers is None:
            return cls(table)
        try:
            found = utterances.str.extract(speakers, 1)
        except pl.exceptions.PolarsError as error:
            raise ManifestError(
                f"{quoted(speakers)} is not a pattern with a group ({brief(str(error))}): "
                "write the part that is the speaker in brackets, such as '^([^/]+)/'"
            ) from error
        without = found.is_null().arg_true()
        if len(without):
            raise ManifestError(
                f"the pattern {quoted(speakers)} finds no speaker in {len(without):,} of "
                f"{len(utterances):,} names, such as {quoted(utterances[int(without[0])])}: "
                "write the part that is the speaker in brackets, such as '^([^/]+)/'"
            )
        return cls(table.with_columns(found.alias("speaker")))

    def speakers_of(self, utterances: Sequence[str] | pl.Series) -> pl.Series:
        """(k,) identity of the speaker of each utterance, null where unknown.

        Raises ManifestError where an utterance is not in the manifest.
        """
        named = pl.DataFrame({"utterance": utterances}, schema={"utterance": pl.String})
        absent = named.join(self.table, on="utterance", how="anti")
        if len(absent):
            raise ManifestError(
                f"{len(absent):,} of {len(named):,} utterances are not in the manifest, such as "
                f"{quoted(absent['utterance'][0])}: give the manifest that they are of"
            )
        known = self.table.select("utterance", self.identities.alias("speaker"))
        return named.join(known, on="utterance", how="left", maintain_order="left")["speaker"]

    def write(self, path: str | Path) -> None:
        """Write a tab-separated manifest, whole or not at all. Raises OutputError."""
        write_table(Path(path), self.table, float_precision=4)

    def of_speakers(self, speakers: Sequence[str]) -> "Manifest":
        """Only the utterances of ``speakers``, by their identities."""
        return Manifest(self.table.filter(self.identities.is_in(list(speakers))))

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


def _identity(columns: Sequence[str]) -> pl.Expr:
    """``Manifest.identities``, such that no two pairs of corpus and speaker look alike."""
    speaker = pl.col("speaker").str.normalize("NFC")
    alone = pl.when(speaker.str.contains("/", literal=True)).then("/" + speaker).otherwise(speaker)
    if "corpus" not in columns:
        return alone
    corpus = pl.col("corpus").cast(pl.String).str.normalize("NFC")
    corpus = corpus.str.replace_all("\\", "\\\\", literal=True).str.replace_all(
        "/", "\\/", literal=True
    )
    within = pl.concat_str(corpus, speaker, separator="/")
    return pl.when(pl.col("corpus").fill_null("") == "").then(alone).otherwise(within)


def parse_columns(
    table: pl.DataFrame,
    path: Path,
    *,
    filled: Sequence[str],
    numbers: Sequence[str],
    first_row: int = 2,
) -> pl.DataFrame:
    """A table of utterances as strings, with its numbers as such, once its values are looked at.

    path: of the table. filled: the names that must be in every row; none may be blank. numbers: of
    BOUNDS; those of COLUMNS must be in every row. first_row: what the first row is called in the
    file.

    Raises ManifestError naming the file and row.
    """

    def refuse(rows: pl.Series, name: str, reason: str) -> None:
        if rows.any():
            row = int(rows.arg_true()[0])
            value = quoted(table[name][row])
            raise ManifestError(f"{path}: row {row + first_row}: {name} is {value}, {reason}")

    for name, dtype in COLUMNS.items():
        if dtype == pl.String and name in table.columns:
            if name in filled:
                refuse(table[name].is_null(), name, "not a name: fill it in")
            refuse(~table[name].str.contains(r"\S"), name, "not a name: rename it")
    parsed = table.with_columns(pl.col(name).cast(pl.Float64, strict=False) for name in numbers)
    for name in numbers:
        values, (lowest, highest) = parsed[name], BOUNDS[name]
        given = table[name].is_not_null() | (name in COLUMNS)
        refuse(given & (values.is_null() | values.is_nan()), name, "not a number")
        within = values.is_between(lowest, highest)
        refuse(~within, name, f"but must be from {lowest:g} to {highest:,.0f}")
    if "duration" in numbers:
        refuse(parsed["duration"] <= 0, "duration", "but must be above 0 s")
    if "sample_rate" in numbers:
        rates = parsed["sample_rate"]
        refuse(rates != rates.round(), "sample_rate", "not a whole number")
    return parsed


def located(folder: Path) -> pl.Expr:
    """The column path, from ``folder`` on where it is neither absolute nor a URL.

    Raises ManifestError where the name of the folder is not UTF-8.
    """
    try:
        around = f"{folder.resolve()}/".encode().decode()
    except UnicodeEncodeError as error:
        raise ManifestError(
            f"{error.object!a}: its name is not UTF-8: rename the folder"
        ) from error
    elsewhere = pl.col("path").str.contains(f"^/|^{URL}")
    return pl.when(elsewhere).then(pl.col("path")).otherwise(pl.lit(around) + pl.col("path"))
