"""A trial list that need not fit into memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import add
from pathlib import Path

import polars as pl

from contravox.files.tables import count_lines
from contravox.manifest import MANIFEST, Manifest
from contravox.trials.enrolments import Enrolments
from contravox.trials.formats import TargetPlace
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import (
    SelfTrials,
    TrialSet,
    list_file,
    needed_of,
    warn_of_self_trials,
)
from contravox.trials.trials import Trials


@dataclass(frozen=True)
class LongList:
    """A trial list that stays on disk, every line of which was read once.

    path: of its file. target: which field of a line tells target trials, if that was said. trials,
    targets, self_trials: how many. manifest, protocol, enrolments: as of a ``TrialSet``.
    """

    path: Path
    target: TargetPlace | None
    trials: int
    targets: int
    self_trials: SelfTrials
    manifest: Manifest
    protocol: Protocol
    enrolments: Enrolments | None

    @classmethod
    def read(
        cls,
        path: Path,
        manifest: Path | None = None,
        *,
        target: TargetPlace | None = None,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> "LongList":
        """Read a list and what lies beside it, as ``TrialSet.read_known`` does, and keep no trial.

        So what a trial contradicts is found in its block or in the manifest: a pair that is of one
        person in one block and of two in another, of speakers that nobody knows, is not.

        progress: called with the trials read, and lines in all.

        Raises TrialsError, ManifestError. Warns with TrialsWarning of trials of a recording with
        itself.
        """
        path = list_file(path)
        protocol = Protocol.read(path.parent) or Protocol(str(path))
        enrolments = Enrolments.beside(path)
        names = pl.Series(dtype=pl.String) if enrolments is None else enrolments.utterances
        known = None
        if manifest is not None or (path.parent / MANIFEST).is_file():
            known = Manifest.read(manifest or path.parent / MANIFEST)
        trials, targets, lines, itself = 0, 0, count_lines(path), SelfTrials(0, 0)
        for block in Trials.read_blocks(path, target):
            needed = [names, block.table["test"]]
            if enrolments is None:
                needed.append(block.table["enrolment"])
            else:
                enrolments.refuse_unknown(block.table["enrolment"], protocol.name)
            names = pl.concat([each.rename("utterance") for each in needed]).unique()
            where = f"{protocol.name}, trials {trials + 1:,} to {trials + len(block):,}"
            heard = Manifest.of_names(names) if known is None else known
            part = TrialSet(block, heard, replace(protocol, name=where), enrolments)
            part.check_speakers()
            itself = SelfTrials(*map(add, itself, part.self_trials))
            trials, targets = trials + len(block), targets + int(block.targets.sum())
            progress(trials, lines)
        if known is None:
            known = Manifest.of_names(names.sort())
        used = needed_of(known, names, protocol.name)
        warn_of_self_trials(path, itself, trials)
        return cls(path, target, trials, targets, itself, used, protocol, enrolments)

    @property
    def name(self) -> str:
        """The protocol's name."""
        return self.protocol.name

    def blocks(self) -> Iterator[Trials]:
        """The trials, a block at a time."""
        return Trials.read_blocks(self.path, self.target)
