"""A table of what was left out, and why."""

from pathlib import Path

import polars as pl

from contravox.files.writing import atomic_path

SKIPPED = "skipped.tsv"
"""Beside a manifest: what it lacks of its corpus."""


def write_left_out(path: Path, table: pl.DataFrame) -> None:
    """Write a row for each, whole or not at all; where there is none, take an older table away.

    Names that no other table could hold are written as they are. Raises OutputError.
    """
    if table.is_empty():
        path.unlink(missing_ok=True)
        return
    with atomic_path(path) as temporary:
        table.write_csv(temporary, separator="\t")
