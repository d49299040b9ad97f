"""Pairs of utterances to be told apart: a trial list."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from contravox.enrolments import Enrolments
from contravox.errors import ManifestError, TrialsError
from contravox.manifest import Manifest
from contravox.protocol import Protocol
from contravox.trial_list import read_trial_list
from contravox.writing import atomic_path


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
    def read(cls, path: str | Path) -> "Trials":
        """Read a trial list in any of the public styles, told from its content.

        ``enrolment test target|nontarget`` (Kaldi), ``1 enrolment test`` (VoxCeleb),
        ``enrolment test 1`` (CN-Celeb), ``enrolment test tgt|imp`` (VOiCES), separated by tabs or
        spaces, with or without the header ``enrolment test target``.

        Raises TrialsError naming the file and line.
        """
        return cls(read_trial_list(Path(path)))

    def write(self, path: str | Path) -> None:
        """Write as tab-separated ``enrolment test target`` with 1 or 0. Raises OutputError."""
        with atomic_path(Path(path)) as temporary:
            self.table.with_columns(pl.col("target").cast(pl.Int8)).write_csv(
                temporary, separator="\t"
            )


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
        path = path / "trials.tsv" if path.is_dir() else path
        beside = path.parent / "manifest.tsv"
        return cls._of_file(path, Trials.read(path), Manifest.read(manifest or beside))

    @classmethod
    def read_alone(cls, path: Path) -> "TrialSet":
        """Read a trial list of whose utterances only the names are known: no audio, no speakers.

        Raises TrialsError.
        """
        path = path / "trials.tsv" if path.is_dir() else path
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


def make_trials(manifest: Manifest, *, seed: int = 0, maximum: int = 100_000) -> Trials:
    """Make a trial list from an evaluation manifest.

    Targets are all pairs of utterances of a speaker, across sessions where the speaker has several
    (a pair within a session shares its channel, which flatters). Non-targets are all pairs of
    different speakers. Where there are more than ``maximum`` of a kind, that many are drawn with
    ``seed``.

    Raises TrialsError where no target or no non-target pair exists.
    """
    generator = np.random.default_rng(seed)
    rows = manifest.table.filter(pl.col("speaker").is_not_null())
    speakers = rows["speaker"].rank("dense").to_numpy().astype(np.int64)
    targets = _target_pairs(rows, speakers, maximum, generator)
    if not len(targets):
        raise TrialsError(
            "no speaker has two utterances: target trials need at least two of the same speaker"
        )
    non_targets = _non_target_pairs(speakers, maximum, generator)
    if not len(non_targets):
        raise TrialsError("only one speaker: non-target trials need at least two")
    names = rows["utterance"]
    pairs = np.concatenate([targets, non_targets])
    is_target = np.arange(len(pairs)) < len(targets)
    return Trials(
        pl.DataFrame(
            {"enrolment": names[pairs[:, 0]], "test": names[pairs[:, 1]], "target": is_target}
        )
    )


def _target_pairs(
    rows: pl.DataFrame, speakers: NDArray[np.int64], maximum: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """(k, 2) rows of one speaker, across sessions where there are several: all, or ``maximum``."""
    order = np.argsort(speakers, kind="stable")
    counts = np.unique(speakers, return_counts=True)[1]
    starts = np.cumsum(counts) - counts
    sessions = rows["session"].rank("dense").fill_null(0).to_numpy().astype(np.int64)
    several = rows.select((pl.col("session").n_unique() > 1).over("speaker")).to_series().to_numpy()

    def kept(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        one, other = pairs.T
        return pairs[~several[one] | (sessions[one] != sessions[other])]

    pairs_of = counts * (counts - 1) // 2
    if pairs_of.sum() <= 4 * maximum:
        listed = [np.stack(np.triu_indices(count, k=1), axis=1) for count in counts]
        placed = [start + pairs for start, pairs in zip(starts, listed, strict=True)]
        everything = np.sort(order[np.concatenate(placed)], axis=1)
        everything = everything[np.lexsort(everything.T[::-1])]
        return _draw(kept(everything), maximum, generator)
    # Too many to list: draw speakers in proportion to their pairs, and pairs of each, until enough
    # distinct ones are there.
    keys = np.empty(0, np.int64)
    for _ in range(100):
        chosen = generator.choice(len(counts), 2 * maximum, p=pairs_of / pairs_of.sum())
        first = generator.integers(counts[chosen])
        other = (first + generator.integers(1, counts[chosen])) % counts[chosen]
        drawn = order[starts[chosen][:, None] + np.stack([first, other], axis=1)]
        drawn = kept(np.sort(drawn, axis=1))
        keys = np.unique(np.concatenate([keys, drawn[:, 0] * len(rows) + drawn[:, 1]]))
        if len(keys) >= maximum:
            break
    return _draw(np.stack([keys // len(rows), keys % len(rows)], axis=1), maximum, generator)


def _non_target_pairs(
    speakers: NDArray[np.int64], maximum: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """(k, 2) rows of different speakers: all, or ``maximum`` distinct ones."""
    count = len(speakers)
    if count * (count - 1) // 2 <= 4 * maximum:
        first, second = np.triu_indices(count, k=1)
        different = speakers[first] != speakers[second]
        return _draw(np.stack([first, second], axis=1)[different], maximum, generator)
    # Too many to list: draw pairs until enough distinct ones are there.
    keys = np.empty(0, np.int64)
    for _ in range(100):
        drawn = np.sort(generator.integers(count, size=(2 * maximum, 2)), axis=1)
        drawn = drawn[speakers[drawn[:, 0]] != speakers[drawn[:, 1]]]
        keys = np.unique(np.concatenate([keys, drawn[:, 0] * count + drawn[:, 1]]))
        if len(keys) >= maximum:
            break
    return _draw(np.stack([keys // count, keys % count], axis=1), maximum, generator)


def _draw(pairs: ArrayLike, maximum: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Pairs (k, 2), or ``maximum`` of them in their order."""
    pairs = np.asarray(pairs, np.int64)
    if len(pairs) <= maximum:
        return pairs
    return pairs[np.sort(generator.choice(len(pairs), maximum, replace=False))]
