"""A trial list with all that is needed to score it."""

import warnings
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.errors import ManifestError, TrialsError, TrialsWarning, few, quoted
from contravox.manifest import MANIFEST, Manifest
from contravox.trials.enrolments import ENROLMENTS, Enrolments
from contravox.trials.formats import TargetPlace
from contravox.trials.protocol import PROTOCOL, Protocol
from contravox.trials.trials import TRIALS, Trials

FILES = (TRIALS, MANIFEST, ENROLMENTS, PROTOCOL)
"""What may lie in the folder of a trial list."""


class SelfTrials(NamedTuple):
    """How many trials, called target and non-target trials, compare a recording with itself."""

    targets: int
    non_targets: int


@dataclass(frozen=True)
class TrialSet:
    """A trial list with all that is needed to score it.

    manifest: the utterances that it needs, no others; enrolments: the utterances behind each
    enrolment, or None where every enrolment is an utterance; protocol: what list it is.

    In a folder: ``trials.tsv``, ``manifest.tsv``, and ``enrolments.tsv`` and ``protocol.json``
    where there is something to say.
    """

    trials: Trials
    manifest: Manifest
    protocol: Protocol
    enrolments: Enrolments | None = None

    @classmethod
    def of(
        cls,
        trials: Trials,
        manifest: Manifest,
        protocol: Protocol,
        enrolments: Enrolments | None = None,
    ) -> "TrialSet":
        """A trial set that takes from a larger manifest what it needs.

        Raises TrialsError where an enrolment is unknown, or an utterance not in the manifest, or
        where the list or its enrolments contradict the manifest's speakers.
        """
        if enrolments is None:
            needed = pl.concat([trials.table["enrolment"], trials.table["test"]])
        else:
            enrolments.refuse_unknown(trials.table["enrolment"], protocol.name)
            needed = pl.concat([enrolments.utterances, trials.table["test"]])
        used = needed_of(manifest, needed.unique(), protocol.name)
        made = cls(trials, used, protocol, enrolments)
        made.check_speakers()
        return made

    def without(self, utterances: Collection[str]) -> "TrialSet":
        """Without utterances that cannot be used, and the trials that cannot be scored for it.

        An enrolment of several utterances goes on with the others. The protocol counts the trials.

        Raises TrialsError where no trial is left.
        """
        lost = list(utterances)
        table, enrolments = self.trials.table, self.enrolments
        gone = pl.col("test").is_in(lost)
        if enrolments is None:
            gone |= pl.col("enrolment").is_in(lost)
        else:
            enrolments = Enrolments(enrolments.table.filter(~pl.col("utterance").is_in(lost)))
            gone |= ~pl.col("enrolment").is_in(enrolments.table["enrolment"].unique().to_list())
        kept = Trials(table.filter(~gone))
        if not len(kept):
            raise TrialsError(f"{self.name}: no trial is left without what cannot be read")
        dropped = self.protocol.trials_dropped + len(table) - len(kept)
        protocol = replace(self.protocol, trials_dropped=dropped)
        return TrialSet.of(kept, self.manifest, protocol, enrolments)

    @classmethod
    def read(
        cls, path: Path, manifest: Path | None = None, *, target: TargetPlace | None = None
    ) -> "TrialSet":
        """Read a trial list and what lies beside it.

        path: the list, or the folder of ``trials.tsv``. manifest: by default ``manifest.tsv``
        beside the list. target: which field of a line tells target
        trials, where the list has no header.

        Raises TrialsError, ManifestError.
        """
        path = list_file(path)
        beside = path.parent / MANIFEST
        return cls._of_file(path, Trials.read(path, target), Manifest.read(manifest or beside))

    @classmethod
    def read_alone(
        cls, path: Path, *, target: TargetPlace | None = None, speakers: str | None = None
    ) -> "TrialSet":
        """Read a trial list of whose utterances only the names are known: no audio.

        speakers: a regular expression by which the names tell who speaks.

        Raises TrialsError, ManifestError.
        """
        path = list_file(path)
        trials = Trials.read(path, target)
        names = pl.concat([trials.table["enrolment"], trials.table["test"]])
        enrolments = Enrolments.beside(path)
        if enrolments is not None:
            names = pl.concat([names, enrolments.utterances])
        return cls._of_file(path, trials, Manifest.of_names(names.unique().sort(), speakers))

    @classmethod
    def read_known(
        cls, path: Path, manifest: Path | None = None, *, target: TargetPlace | None = None
    ) -> "TrialSet":
        """Read with the manifest given or beside the list; alone where there is none."""
        if manifest is not None or (list_file(path).parent / MANIFEST).is_file():
            return cls.read(path, manifest, target=target)
        return cls.read_alone(path, target=target)

    @classmethod
    def _of_file(cls, path: Path, trials: Trials, manifest: Manifest) -> "TrialSet":
        protocol = Protocol.read(path.parent) or Protocol(str(path))
        trial_set = cls.of(trials, manifest, protocol, Enrolments.beside(path))
        warn_of_self_trials(path, trial_set.self_trials, len(trials))
        return trial_set

    def write(self, folder: Path) -> None:
        """Write the files that ``read`` reads, each whole or not at all. Raises OutputError."""
        self.protocol.write(folder)
        if self.enrolments is not None:
            self.enrolments.write(folder / ENROLMENTS)
        self.manifest.write(folder / MANIFEST)
        self.trials.write(folder / TRIALS)

    @property
    def name(self) -> str:
        """The protocol's name."""
        return self.protocol.name

    @property
    def utterances(self) -> list[str]:
        """Every utterance that is needed, sorted."""
        return self.manifest.table["utterance"].to_list()

    @property
    def enrolment_speakers(self) -> NDArray[np.uint32]:
        """(k,) speaker of each trial's enrolment: a place in ``manifest.speakers``.

        Raises ManifestError where one is unknown.
        """
        return self._known(self._enrolled["speaker"], "enrolment")

    @property
    def test_speakers(self) -> NDArray[np.uint32]:
        """(k,) speaker of each trial's test: a place in ``manifest.speakers``.

        Raises ManifestError where one is unknown.
        """
        return self._known(self._tested["speaker"], "test")

    @property
    def self_trials(self) -> "SelfTrials":
        """How many trials have one recording on both sides."""
        itself, targets = self.are_self_trials, self.trials.table["target"]
        return SelfTrials(int((itself & targets).sum()), int((itself & ~targets).sum()))

    @cached_property
    def are_self_trials(self) -> pl.Series:
        """(k,) bool: whether a trial has one recording on both sides, by whatever names.

        Recordings are told apart by what of which file they are, and by their content where the
        manifest has digests.
        """
        if self.enrolments is None:
            return self._enrolled["number"] == self._tested["number"]
        behind = self.enrolments.table.join(self.manifest.recordings, on="utterance")
        tested = self.trials.table.select("enrolment", number=self._tested["number"])
        rows = tested.with_row_index("row").join(behind, on=["enrolment", "number"], how="semi")
        return pl.int_range(len(tested), eager=True).is_in(rows["row"].implode())

    @cached_property
    def listed_twice(self) -> int:
        """How many trials compare what one before them does, in either order, by whatever names."""
        return len(self.trials) - self._pairs.n_unique()

    @cached_property
    def _pairs(self) -> pl.Series:
        """(k,) a number for what each trial compares.

        Two recordings, the same in either order, or an enrolment and a recording.
        """
        one, other = self._enrolled["number"], self._tested["number"]
        sides = pl.DataFrame({"one": one, "other": other}).cast(pl.UInt64)
        if self.enrolments is None:
            sides = sides.select(one=pl.min_horizontal("*"), other=pl.max_horizontal("*"))
        # No number of a recording is above that of all.
        return sides["one"] * (len(self.manifest) + 1) + sides["other"]

    @cached_property
    def _tested(self) -> pl.DataFrame:
        """Numbers of the speaker of each trial's test, and of its recording."""
        return self._utterances_named("test")

    @cached_property
    def _enrolled(self) -> pl.DataFrame:
        """Numbers of the speaker of each trial's enrolment, and of it; or of its recording."""
        if self.enrolments is None:
            return self._utterances_named("enrolment")
        speakers = self.enrolments.table.join(self.manifest.recordings, on="utterance")
        speakers = speakers.group_by("enrolment").agg(pl.col("speaker").drop_nulls().first())
        speakers = speakers.with_row_index("number")
        named = self.trials.table.select("enrolment")
        joined = named.join(speakers, on="enrolment", how="left", maintain_order="left")
        return joined.select("speaker", "number")

    def _utterances_named(self, side: str) -> pl.DataFrame:
        named = self.trials.table.select(utterance=side)
        known = self.manifest.recordings
        joined = named.join(known, on="utterance", how="left", maintain_order="left")
        return joined.select("speaker", "number")

    def _known(self, speakers: pl.Series, side: str) -> NDArray[np.uint32]:
        missing = speakers.is_null().arg_true()
        if len(missing):
            raise ManifestError(
                f"{side} {quoted(self.trials.table[side][int(missing[0])])} has no speaker in the "
                "manifest: intervals are over speakers, so fill the speaker column in"
            )
        return speakers.to_numpy()

    def check_speakers(self) -> None:
        """Refuse what contradicts the manifest's speakers, as far as it knows them.

        Raises TrialsError for an enrolment of two people, a target trial of two, a non-target
        trial of one, or a pair that is both.
        """
        if self.enrolments is not None:
            behind = self.enrolments.table.join(self.manifest.recordings, on="utterance")
            people = behind.group_by("enrolment").agg(pl.col("speaker").drop_nulls().unique())
            several = people.filter(pl.col("speaker").list.len() > 1).sort("enrolment")
            if len(several):
                enrolment, speakers = several.row(0)
                names = self.manifest.speakers
                who = few(sorted(names[speaker] for speaker in speakers))
                raise TrialsError(
                    f"{self.name}: enrolment {quoted(enrolment)} is of several speakers, "
                    f"{who}: enrol each by recordings of one, in {ENROLMENTS}"
                )
        one, other = self._enrolled["speaker"], self._tested["speaker"]
        # Null, which is not true, where either is unknown.
        wrong = ((one == other) != self.trials.table["target"]).arg_true()
        if len(wrong):
            trial = self.trials.table.row(int(wrong[0]), named=True)
            kind = "target" if trial["target"] else "non-target"
            names = self.manifest.speakers
            who = few([names[side[int(wrong[0])]] for side in (one, other)])
            raise TrialsError(
                f"{self.name}: {len(wrong):,} of {len(self.trials):,} trials contradict the "
                f"manifest, such as {quoted(trial['enrolment'])} and "
                f"{quoted(trial['test'])}, a {kind} trial of speakers {who}: correct the "
                "list, or the manifest's columns speaker and corpus"
            )
        if one.null_count() or other.null_count():
            self._check_pairs()

    def _check_pairs(self) -> None:
        """Refuse what no speakers could agree with. Raises TrialsError."""
        targets, pairs = self.trials.table["target"], self._pairs
        itself = pl.repeat(False, len(pairs), eager=True)
        if self.enrolments is None:
            itself = self._enrolled["number"] == self._tested["number"]
        if (2 * pairs + targets).n_unique() > pairs.n_unique() or (itself & ~targets).any():
            both = pl.col("target").n_unique().over("pair") > 1
            table = pl.DataFrame({"pair": pairs, "target": targets, "itself": itself})
            wrong = table.select(both | (pl.col("itself") & ~pl.col("target"))).to_series()
            row = self.trials.table.row(int(wrong.arg_true()[0]), named=True)
            raise TrialsError(
                f"{self.name}: {wrong.sum():,} of {len(targets):,} trials cannot be true together, "
                f"such as {quoted(row['enrolment'])} and {quoted(row['test'])}, which "
                "would be of one person and of two: correct the list"
            )


def list_file(path: Path) -> Path:
    """The file of a trial list itself, or of the folder of one."""
    return path / TRIALS if path.is_dir() else path


def warn_of_self_trials(path: Path, found: SelfTrials, trials: int) -> None:
    """Warn with TrialsWarning of trials of a list's file that tell nothing of voices."""
    for count, effect in (
        (found.targets, "they flatter the error rates"),
        (
            found.non_targets,
            "as of two people, so they spoil the error rates: mend who speaks in it",
        ),
    ):
        if count:
            warnings.warn(
                f"{path}: {count:,} of {trials:,} trials compare a recording with itself, "
                f"or with an enrolment that holds it: {effect}",
                TrialsWarning,
                stacklevel=4,
            )


def needed_of(manifest: Manifest, utterances: pl.Series, trial_list: str) -> Manifest:
    """What a list needs of a larger manifest: its utterances, each once.

    Raises TrialsError naming the list where one is not in the manifest.
    """
    named = utterances.alias("utterance").to_frame()
    unknown = named.join(manifest.table, on="utterance", how="anti")
    if len(unknown):
        raise TrialsError(
            f"{trial_list}: {len(unknown)} of {len(named)} utterances are not in the manifest, "
            f"such as {quoted(unknown['utterance'].min())}: prepare the corpus that the list is for"
        )
    return Manifest(manifest.table.join(named, on="utterance", how="semi"))
