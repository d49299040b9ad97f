"""A table of utterances: CSV, TSV or Parquet with at least the columns path and speaker."""

import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus
from contravox.errors import ManifestError, brief, few
from contravox.files.tables import read_table, refuse_unwritable
from contravox.manifest import START_IN_ORIGINAL, located, parse_columns

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
PARQUET = ".parquet"
NEEDS = ("path", "speaker")

AS_STRINGS = """
import sys, polars
table = polars.read_parquet(sys.argv[1], glob=False)
for name, kind in table.schema.items():
    if kind.is_nested() or kind == polars.Binary:
        sys.exit(f"column {name!r} is of type {kind}, not of texts or numbers: leave it out")
table.with_columns(polars.all().cast(polars.String)).write_ipc(sys.argv[2])
"""


def table_recordings(path: Path) -> pl.DataFrame:
    """The rows of a table.

    path: of the table. Its columns: path (absolute, relative to the table's folder, or a URL) and
    speaker; utterance (by default the path), session, start and duration (s) where they are there;
    any others are kept.

    Raises ManifestError naming the file, column or row.
    """
    table = _read(path)
    if table.is_empty():
        raise ManifestError(f"{path}: holds no recording: write a row for each")
    parsed = parse_columns(
        table,
        path,
        filled=[name for name in (*NEEDS, "utterance") if name in table.columns],
        numbers=[
            name for name in ("start", "duration", START_IN_ORIGINAL) if name in table.columns
        ],
        first_row=1 if path.suffix.lower() == PARQUET else 2,
    )
    if "utterance" not in table.columns:
        parsed = parsed.with_columns(utterance="path")
    return parsed.with_columns(located(path.parent))


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise ManifestError(f"{path}: no such table: give a .csv, .tsv or .parquet file")
    suffix = path.suffix.lower()
    if suffix in SEPARATORS:
        return read_table(path, ManifestError, separator=SEPARATORS[suffix], needs=NEEDS)
    if suffix != PARQUET:
        raise ManifestError(f"{path}: not a .csv, .tsv or .parquet table: rename or convert it")
    table = _read_parquet(path)
    refuse_unwritable(path, table, ManifestError)
    for name in NEEDS:
        if name not in table.columns:
            raise ManifestError(
                f"{path}: has no column {name!r}, only {few(table.columns)}: "
                f"name the columns {few(NEEDS)}"
            )
    return table


def _read_parquet(path: Path) -> pl.DataFrame:
    """Read in a process of its own: a damaged file can bring the parser down, and it with it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "table"
        command = [sys.executable, "-c", AS_STRINGS, str(path), str(copy)]
        ended = subprocess.run(command, capture_output=True, check=False)
        if ended.returncode:
            said = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise ManifestError(f"{path}: cannot be read as a Parquet table: {brief(said, 160)}")
        return pl.read_ipc(copy.read_bytes())


TABLE = Corpus(title="a table", recordings=table_recordings, free=True)
