"""A trial list with all that is needed to score it."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from numpy.typing import NDArray

from contravox.enrolments import Enrolments
from contravox.errors import ManifestError, TrialsError
from contravox.manifest import Manifest
from contravox.protocol import Protocol
from contravox.trials import Trials


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

        Raises TrialsError where an enrolment is unknown, or an utterance not in the manifest.
        """
        if enrolments is None:
            needed = pl.concat([trials.table["enrolment"], trials.table["test"]])
        else:
            known = enrolments.table.select("enrolment")
            unknown = trials.table.join(known, on="enrolment", how="anti")
            if len(unknown):
                raise TrialsError(
                    f"{protocol.name}: no utterance is known of enrolment "
                    f"{unknown['enrolment'][0]!r}: add it to enrolments.tsv"
                )
            needed = pl.concat([enrolments.utterances, trials.table["test"]])
        named = needed.unique().alias("utterance").to_frame()
        unknown = named.join(manifest.table, on="utterance", how="anti")
        if len(unknown):
            raise TrialsError(
                f"{protocol.name}: {len(unknown)} of {len(named)} utterances are not in the "
                f"manifest, such as {unknown['utterance'].min()!r}: prepare the corpus that the "
                "list is for"
            )
        return cls(
            trials,
            Manifest(manifest.table.join(named, on="utterance", how="semi")),
            protocol,
            enrolments,
        )

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
    def read(cls, path: Path, manifest: Path | None = None) -> "TrialSet":
        """Read a trial list and what lies beside it.

        path: the list, or the folder of ``trials.tsv``. manifest: by default ``manifest.tsv``
        beside the list.

        Raises TrialsError, ManifestError.
        """
        path = list_file(path)
        beside = path.parent / "manifest.tsv"
        return cls._of_file(path, Trials.read(path), Manifest.read(manifest or beside))

    @classmethod
    def read_alone(cls, path: Path) -> "TrialSet":
        """Read a trial list of whose utterances only the names are known: no audio, no speakers.

        Raises TrialsError.
        """
        path = list_file(path)
        trials = Trials.read(path)
        names = pl.concat([trials.table["enrolment"], trials.table["test"]])
        beside = path.parent / "enrolments.tsv"
        if beside.is_file():
            names = pl.concat([names, Enrolments.read(beside).utterances])
        return cls._of_file(path, trials, Manifest.of_names(names.unique().sort()))

    @classmethod
    def _of_file(cls, path: Path, trials: Trials, manifest: Manifest) -> "TrialSet":
        beside = path.parent / "enrolments.tsv"
        return cls.of(
            trials,
            manifest,
            Protocol.read(path.parent) or Protocol(str(path)),
            Enrolments.read(beside) if beside.is_file() else None,
        )

    def write(self, folder: Path) -> None:
        """Write the files that ``read`` reads, each whole or not at all. Raises OutputError."""
        self.protocol.write(folder)
        if self.enrolments is not None:
            self.enrolments.write(folder / "enrolments.tsv")
        self.manifest.write(folder / "manifest.tsv")
        self.trials.write(folder / "trials.tsv")

    @property
    def name(self) -> str:
        """The protocol's name."""
        return self.protocol.name

    @property
    def utterances(self) -> list[str]:
        """Every utterance that is needed, sorted."""
        return self.manifest.table["utterance"].to_list()

    @property
    def enrolment_speakers(self) -> NDArray:
        """(k,) speaker of each trial's enrolment. Raises ManifestError where one is unknown."""
        enrolments = self.trials.table["enrolment"]
        if self.enrolments is None:
            return trial_speakers(enrolments, self.manifest)
        first = self.enrolments.table.unique("enrolment", keep="first")
        utterances = enrolments.to_frame().join(
            first, on="enrolment", how="left", maintain_order="left"
        )["utterance"]
        return trial_speakers(utterances, self.manifest)

    @property
    def test_speakers(self) -> NDArray:
        """(k,) speaker of each trial's test. Raises ManifestError where one is unknown."""
        return trial_speakers(self.trials.table["test"], self.manifest)


def list_file(path: Path) -> Path:
    """The file of a trial list itself, or of the folder of one."""
    return path / "trials.tsv" if path.is_dir() else path


def trial_speakers(utterances: pl.Series, manifest: Manifest) -> NDArray:
    """(k,) speaker of each utterance. Raises ManifestError where one is unknown."""
    named = utterances.alias("utterance").to_frame()
    speakers = named.join(
        manifest.table.select("utterance", "speaker"),
        on="utterance",
        how="left",
        maintain_order="left",
    )["speaker"]
    missing = speakers.is_null().arg_true()
    if len(missing):
        raise ManifestError(
            f"utterance {utterances[int(missing[0])]!r} has no speaker in the manifest: intervals "
            "are over speakers, so fill the speaker column in"
        )
    return speakers.to_numpy()
