"""Pairs of utterances to be told apart: a trial list."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.files.tables import write_table
from contravox.trials.formats import TargetPlace, read_trial_list

TRIALS = "trials.tsv"


@dataclass(frozen=True)
class Trials:
    """table: columns enrolment and test (names of utterances) and target (same speaker or not)."""

    table: pl.DataFrame

    def __len__(self) -> int:
        return self.table.height

    @property
    def utterances(self) -> list[str]:
        """Every utterance that the trials name, once, sorted."""
        return pl.concat([self.table["enrolment"], self.table["test"]]).unique().sort().to_list()

    @property
    def targets(self) -> NDArray[np.bool_]:
        """(n,) bool: whether both sides are the same speaker."""
        return self.table["target"].to_numpy()

    @classmethod
    def read(cls, path: str | Path, target: TargetPlace | None = None) -> "Trials":
        """Read a trial list in any of the public styles.

        ``enrolment test target|nontarget`` (Kaldi), ``1 enrolment test`` (VoxCeleb),
        ``enrolment test 1`` (CN-Celeb), ``enrolment test tgt|imp`` (VOiCES), separated by tabs or
        spaces. A header that names ``enrolment``, ``test`` and ``target``, in any order, decides
        which is which; without one all the lines together do.

        target: which field of a line tells target trials, where there is no header.

        Raises TrialsError naming the file and line, or where without a header, and without
        ``target``, the list may be read in two ways.
        """
        return cls(read_trial_list(Path(path), target))

    def write(self, path: str | Path) -> None:
        """Write as tab-separated ``enrolment test target`` with 1 or 0. Raises OutputError."""
        write_table(Path(path), self.table.with_columns(pl.col("target").cast(pl.Int8)))
