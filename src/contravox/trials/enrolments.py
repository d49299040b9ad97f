"""Speakers enrolled by several utterances."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contravox.errors import TrialsError, quoted
from contravox.files.tables import read_table, write_table

ENROLMENTS = "enrolments.tsv"

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
        """Read a tab-separated table. Raises TrialsError naming the file and row."""
        table = read_table(path, TrialsError, needs=COLUMNS).select(COLUMNS)
        if table.is_empty():
            raise TrialsError(
                f"{path}: holds no enrolment: write a row for each utterance behind one"
            )
        for name in COLUMNS:
            blank = (table[name].fill_null("").str.strip_chars() == "").arg_true()
            if len(blank):
                raise TrialsError(f"{path}: row {blank[0] + 2}: has no {name}: fill it in")
        again = table.select(~pl.struct(COLUMNS).is_first_distinct()).to_series().arg_true()
        if len(again):
            enrolment, utterance = map(quoted, table.row(int(again[0])))
            raise TrialsError(
                f"{path}: row {again[0] + 2}: utterance {utterance} is behind enrolment "
                f"{enrolment} already, and would weigh double: remove one of the rows"
            )
        return cls(table)

    @classmethod
    def beside(cls, trials: Path) -> "Enrolments | None":
        """Those beside the file of a trial list, if there are any. Raises TrialsError."""
        path = trials.parent / ENROLMENTS
        return cls.read(path) if path.is_file() else None

    def refuse_unknown(self, named: pl.Series, trial_list: str) -> None:
        """Raises TrialsError for an enrolment that the trials of a list name and nobody knows."""
        wanted = pl.DataFrame({"enrolment": named})
        unknown = wanted.join(self.table.select("enrolment"), on="enrolment", how="anti")
        if len(unknown):
            raise TrialsError(
                f"{trial_list}: no utterance is known of enrolment "
                f"{quoted(unknown['enrolment'][0])}: add it to {ENROLMENTS}"
            )

    def write(self, path: Path) -> None:
        """Write a tab-separated table, whole or not at all. Raises OutputError."""
        write_table(path, self.table.select(COLUMNS))
