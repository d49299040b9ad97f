"""Speakers enrolled by several utterances."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contravox.errors import TrialsError
from contravox.writing import atomic_path

COLUMNS = ["enrolment", "utterance"]


@dataclass(frozen=True)
class Enrolments:
    """table: columns enrolment and utterance, a row for each utterance behind an enrolment."""

    table: pl.DataFrame

    @property
    def utterances(self) -> pl.Series:
        """Every utterance behind an enrolment, once."""
        return self.table["utterance"].unique()

    @classmethod
    def read(cls, path: Path) -> "Enrolments":
        """Read a tab-separated table. Raises TrialsError naming the file."""
        try:
            table = pl.read_csv(path, separator="\t", infer_schema=False)
        except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
            raise TrialsError(f"{path}: not a tab-separated table of enrolments") from error
        if table.columns != COLUMNS or table.is_empty() or any(table.null_count().row(0)):
            raise TrialsError(
                f"{path}: not a table of enrolments: it needs the columns {' and '.join(COLUMNS)}, "
                "and a row for each utterance behind an enrolment"
            )
        return cls(table)

    def write(self, path: Path) -> None:
        """Write a tab-separated table, whole or not at all. Raises OutputError."""
        with atomic_path(path) as temporary:
            self.table.select(COLUMNS).write_csv(temporary, separator="\t")
