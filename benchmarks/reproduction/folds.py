"""Folds of pooled corpora, so that many test speakers tell variants apart.

The speakers of each corpus are parted into folds. A run trains on all folds but one, and is scored
on that one: trials within a corpus, across sessions where a speaker has several. The trials of all
folds are pooled, each with the scores of the model that never heard its speakers.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from contravox.manifest import Manifest
from contravox.terminal.messages import note
from contravox.trials.making import make_trials
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials

Parting = Literal["speakers", "corpora"]
"""By speakers of all corpora, or trained on one corpus and tested on the others."""
MAXIMUM = 3000
"""Trials of a kind from one corpus in one fold."""


@dataclass(frozen=True)
class Fold:
    """name: such as fold0, or an4_alone; its runs lie in folders of this name.

    manifest: the file of the utterances to train on; trials: of speakers who are not in it.
    """

    name: str
    manifest: Path
    trials: TrialSet

    @cached_property
    def speakers(self) -> tuple[pl.Series, pl.Series]:
        """(k,) of both sides of the trials."""
        table, manifest = self.trials.trials.table, self.trials.manifest
        return manifest.speakers_of(table["enrolment"]), manifest.speakers_of(table["test"])

    def labelled(self, share: float) -> Path:
        """A manifest of the fold that keeps this share of each corpus's training speakers.

        Written each time: one of other folds before would hold speakers of this one's test.
        """
        if share == 1:
            return self.manifest
        path = self.manifest.with_name(f"{self.manifest.stem}_labelled_{share:g}.tsv")
        whole, kept = Manifest.read(self.manifest), []
        for part in whole.table.partition_by("corpus", maintain_order=True):
            speakers = np.random.default_rng(0).permutation(Manifest(part).speakers)
            kept += list(speakers[: max(1, round(share * len(speakers)))])
        whole.of_speakers([str(speaker) for speaker in kept]).write(path)
        return path


def make_folds(
    manifest: Manifest, count: int, output: Path, parting: Parting = "speakers"
) -> list[Fold]:
    """Part a manifest into so many folds; by corpora there are as many as these."""
    if parting == "corpora":
        return _one_corpus_each(manifest, output)
    fold_of: dict[str, int] = {}
    for corpus in manifest.table["corpus"].unique().sort():
        speakers = Manifest(manifest.table.filter(pl.col("corpus") == corpus)).speakers
        shuffled = np.random.default_rng(0).permutation(speakers)
        fold_of |= {str(speaker): place % count for place, speaker in enumerate(shuffled)}
    folds = []
    for number in range(count):
        test = manifest.of_speakers([name for name, fold in fold_of.items() if fold == number])
        rest = manifest.of_speakers([name for name, fold in fold_of.items() if fold != number])
        path = output / "folds" / f"{number}_of_{count}.tsv"
        folds.append(_fold(f"fold{number}", rest, test, path, number))
    return folds


def _one_corpus_each(manifest: Manifest, output: Path) -> list[Fold]:
    folds = []
    for number, corpus in enumerate(manifest.table["corpus"].unique().sort()):
        alone = Manifest(manifest.table.filter(pl.col("corpus") == corpus))
        others = Manifest(manifest.table.filter(pl.col("corpus") != corpus))
        path = output / "folds" / f"{corpus}_alone.tsv"
        folds.append(_fold(f"{corpus}_alone", alone, others, path, number))
    return folds


def _fold(name: str, train: Manifest, test: Manifest, path: Path, seed: int) -> Fold:
    train.write(path)
    lists = [
        make_trials(Manifest(part), seed=seed, maximum=MAXIMUM).table
        for part in test.table.partition_by("corpus", maintain_order=True)
    ]
    note(
        f"{name}: {len(train.speakers):,} speakers to train on, "
        f"{len(test.speakers):,} to test on, {sum(map(len, lists)):,} trials"
    )
    return Fold(name, path, TrialSet.of(Trials(pl.concat(lists)), test, Protocol(name)))
