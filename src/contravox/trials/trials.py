"""Pairs of utterances to be told apart: a trial list."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.files.tables import write_table
from contravox.numbering import held_once
from contravox.trials.formats import TargetPlace, read_trial_list

TRIALS = "trials.tsv"

BLOCK = 2**20
"""Trials that are scored at a time, whether the list is in memory or comes from disk: so its scores
are the same to the last digit."""


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
        blocks = read_trial_list(Path(path), target)
        return cls(
            pl.concat(
                block.with_columns(held_once(block[side]) for side in ("enrolment", "test"))
                for block in blocks
            )
        )

    @classmethod
    def read_blocks(cls, path: Path, target: TargetPlace | None = None) -> "Iterator[Trials]":
        """The ``blocks`` of a list that need not fit into memory; see ``read``."""
        return map(cls, _regrouped(read_trial_list(path, target)))

    def blocks(self) -> "Iterator[Trials]":
        """These trials, ``BLOCK`` at a time."""
        return map(Trials, _regrouped([self.table]))

    def write(self, path: str | Path) -> None:
        """Write as tab-separated ``enrolment test target`` with 1 or 0. Raises OutputError."""
        write_table(Path(path), self.table.with_columns(pl.col("target").cast(pl.Int8)))


def _regrouped(tables: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The rows of some tables in tables of ``BLOCK``; the last may have fewer, none if need be."""
    held: list[pl.DataFrame] = []
    for table in tables:
        held.append(table)
        while sum(map(len, held)) > BLOCK:
            joined = pl.concat(held)
            yield joined[:BLOCK]
            held = [joined[BLOCK:]]
    yield pl.concat(held)
