"""A trial list that need not fit into memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contravox.files.tables import count_lines
from contravox.manifest import MANIFEST, Manifest
from contravox.trials.enrolments import Enrolments
from contravox.trials.formats import TargetPlace
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import list_file, needed_of
from contravox.trials.trials import Trials


@dataclass(frozen=True)
class LongList:
    """A trial list that stays on disk, every line of which was read once.

    path: of its file. target: which field of a line tells target trials, if that was said. trials,
    targets: how many. manifest, protocol, enrolments: as of a ``TrialSet``, but whether the list
    contradicts what is known of who speaks is not looked at.
    """

    path: Path
    target: TargetPlace | None
    trials: int
    targets: int
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

        progress: called with the trials read, and lines in all.

        Raises TrialsError, ManifestError.
        """
        path = list_file(path)
        protocol = Protocol.read(path.parent) or Protocol(str(path))
        enrolments = Enrolments.beside(path)
        names = pl.Series(dtype=pl.String) if enrolments is None else enrolments.utterances
        trials, targets, lines = 0, 0, count_lines(path)
        for block in Trials.read_blocks(path, target):
            needed = [names, block.table["test"]]
            if enrolments is None:
                needed.append(block.table["enrolment"])
            else:
                enrolments.refuse_unknown(block.table["enrolment"], protocol.name)
            names = pl.concat([each.rename("utterance") for each in needed]).unique()
            trials, targets = trials + len(block), targets + int(block.targets.sum())
            progress(trials, lines)
        if manifest is None and not (path.parent / MANIFEST).is_file():
            known = Manifest.of_names(names.sort())
        else:
            known = Manifest.read(manifest or path.parent / MANIFEST)
        used = needed_of(known, names, protocol.name)
        return cls(path, target, trials, targets, used, protocol, enrolments)

    @property
    def name(self) -> str:
        """The protocol's name."""
        return self.protocol.name

    def blocks(self) -> Iterator[Trials]:
        """The trials, a block at a time."""
        return Trials.read_blocks(self.path, self.target)
