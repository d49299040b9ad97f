"""A table of utterances: CSV, TSV or Parquet with at least the columns path and speaker."""

from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus
from contravox.errors import ManifestError

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


def table_recordings(path: Path) -> pl.DataFrame:
    """The rows of a table.

    path: of the table. Its columns: path (absolute, relative to the table's folder, or a URL) and
    speaker; utterance (by default the path), session, start and duration (s) where they are there;
    any others are kept.

    Raises ManifestError naming the file, column or row.
    """
    table = _read(path)
    for column in ("path", "speaker"):
        if column not in table.columns:
            raise ManifestError(
                f"{path}: has no column {column!r}, only {', '.join(table.columns)}: "
                "name the columns path and speaker"
            )
    if "utterance" not in table.columns:
        table = table.with_columns(pl.col("path").alias("utterance"))
    numbers = [name for name in ("start", "duration") if name in table.columns]
    parsed = table.with_columns(pl.col(name).cast(pl.Float64, strict=False) for name in numbers)
    for name in ("path", "speaker", "utterance", *numbers):
        bad = parsed[name].is_null().arg_true()
        if len(bad):
            raise ManifestError(
                f"{path}: row {bad[0] + 2}: {name} is {table[name][int(bad[0])]!r}: fill it in"
            )
    elsewhere = pl.col("path").str.contains(r"^/|^[A-Za-z][\w+.-]*://")
    around = pl.lit(f"{path.resolve().parent}/") + pl.col("path")
    return parsed.with_columns(pl.when(elsewhere).then(pl.col("path")).otherwise(around))


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise ManifestError(f"{path}: no such table: give a .csv, .tsv or .parquet file")
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            table = pl.read_parquet(path, glob=False)
            return table.with_columns(pl.all().cast(pl.String))
        if suffix in SEPARATORS:
            return pl.read_csv(path, separator=SEPARATORS[suffix], infer_schema=False, glob=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no rows"
        raise ManifestError(f"{path}: not a table ({reason})") from error
    raise ManifestError(f"{path}: not a .csv, .tsv or .parquet table: rename or convert it")


TABLE = Corpus(title="a table", recordings=table_recordings, free=True)
