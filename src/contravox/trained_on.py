"""What a model has learned from, and whether a test holds speakers or recordings of it."""

import hashlib
import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from contravox.audio.digests import of_whole_files
from contravox.errors import ModelError, OverlapError, OverlapWarning, quoted
from contravox.files.tables import read_lines
from contravox.files.writing import write_text
from contravox.manifest import Manifest

if TYPE_CHECKING:
    from contravox.embedding_model import ModelDescription

FILE = "trained_on.txt"
"""Beside a model: the digest of every recording that it was trained on, one a line."""

NAMES = [
    pl.col(name)
    .str.normalize("NFC")
    .str.replace_all("\\", "\\\\", literal=True)
    .str.replace_all("\t", "\\t", literal=True)
    for name in ("corpus", "speaker")
]
"""As in ``Manifest.identities``: a speaker is the same in every Unicode form of the name. A tab is
between them, so that those of the names are written otherwise."""


@dataclass(frozen=True)
class TrainedOn:
    """What a model has learned from, over every stage of its training.

    labels_used: whether any stage read speaker labels. training_seconds: of all of them together.
    speakers, recordings: digests, see ``speaker_digests`` and ``recording_digests``. lost: how many
    recordings there are beside these, whose digests did not come along with a model.
    """

    labels_used: bool = False
    training_seconds: float = 0.0
    speakers: frozenset[str] = frozenset()
    recordings: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.String))
    lost: int = 0

    @classmethod
    def of_model(cls, path: Path, settings: "ModelDescription") -> "TrainedOn":
        """By a model's settings and by what lies beside its file.

        Raises ModelError where that is damaged.
        """
        recordings, count = recordings_trained_on(path), settings.recordings_trained_on
        lost = 0
        if count and len(recordings) != count:
            # None, or those of another model.
            recordings, lost = recordings.clear(), count
        return cls(
            settings.labels_used,
            settings.training_seconds,
            frozenset(settings.trained_on),
            recordings,
            lost,
        )

    def and_of(self, manifest: Manifest, *, labels_used: bool) -> "TrainedOn":
        """With what another stage learns from."""
        return TrainedOn(
            self.labels_used or labels_used,
            self.training_seconds,
            self.speakers.union(speaker_digests(manifest)),
            pl.concat([self.recordings, recording_digests(manifest)]).unique().sort(),
            self.lost,
        )

    def and_by(self, teacher: "TrainedOn") -> "TrainedOn":
        """With what a teacher has learned from, whose time is its own."""
        return TrainedOn(
            self.labels_used or teacher.labels_used,
            self.training_seconds,
            self.speakers | teacher.speakers,
            pl.concat([self.recordings, teacher.recordings]).unique().sort(),
            self.lost + teacher.lost,
        )

    def refuse(self, test: Manifest, name: str | Path, override: str) -> None:
        """Raise OverlapError where a test has speakers or recordings that were trained on.

        name: of the test, for the message. override: what allows it, for the message.

        Warns with OverlapWarning where the test says neither of what corpora its speakers are nor
        what its recordings hold, the digests of one side are of an older contravox, which do not
        tell recordings apart, or those of the training did not come along and speakers do not tell.
        """
        voices = speaker_digests(test)
        both = sorted(speaker for digest, speaker in voices.items() if digest in self.speakers)
        flatters = "so its error rates would flatter: use another list, or"
        if both:
            raise OverlapError(
                f"{name}: {len(both):,} of its {len(voices):,} speakers were trained on, such as "
                f"{quoted(both[0])}, {flatters} {override}"
            )
        if self.lost and not (voices and self.speakers):
            warnings.warn(
                f"{name}: not known whether its recordings were trained on: {FILE}, which names "
                f"{self.lost:,} of them, was written beside the model at its training, and is not "
                "beside it now: copy it there",
                OverlapWarning,
                stacklevel=2,
            )
        tested, trained = recording_digests(test), self.recordings
        told = of_whole_files(trained)
        if not voices and tested.is_empty() and (self.speakers or len(trained)):
            _tell_unknown(name)
        if (len(tested) and of_whole_files(tested).is_empty()) or (
            len(trained) and told.is_empty()
        ):
            warnings.warn(
                f"{name}: not known whether its recordings were trained on: the digests of it or "
                "of the training are of an older contravox; prepare the corpora again",
                OverlapWarning,
                stacklevel=2,
            )
        if tested.is_empty():
            return
        same = test.table.join(told.alias("digest").to_frame(), on="digest", how="semi")
        if len(same):
            raise OverlapError(
                f"{name}: {len(same):,} of its {len(test):,} recordings were trained on, such as "
                f"{quoted(same['utterance'].min())}, {flatters} {override}"
            )


def refuse_calibrated(
    test: Manifest, speakers: Collection[str], name: str | Path, override: str
) -> None:
    """Raise OverlapError where a test has speakers that a model was calibrated on.

    speakers: digests of these. name, override: as in ``TrainedOn.refuse``. Warns with
    OverlapWarning where either does not say of what corpora its speakers are.
    """
    voices = speaker_digests(test)
    if not voices or not speakers:
        warnings.warn(
            f"{name}: not known whether its speakers are those that the model was calibrated on: a "
            "manifest has no column corpus, which `contravox prepare` writes, or the model was "
            "calibrated by an older contravox",
            OverlapWarning,
            stacklevel=3,
        )
    both = sorted(identity for digest, identity in voices.items() if digest in speakers)
    if both:
        raise OverlapError(
            f"{name}: {len(both):,} of its {len(voices):,} speakers are those that the model was "
            f"calibrated on, such as {quoted(both[0])}, so its costs would flatter: use another "
            f"list, or {override}"
        )


def speaker_digests(manifest: Manifest) -> dict[str, str]:
    """A digest of corpus and name for each speaker, with the identity.

    Speakers of a corpus that the manifest does not name are left out: two corpora may both have a
    speaker 1. So are clusters, which are nobody.
    """
    if "corpus" not in manifest.table.columns:
        return {}
    names = manifest.table.select("corpus", "speaker", identity=manifest.identities)
    known = names.filter(~manifest.clustered).drop_nulls()
    known = known.unique("identity", keep="first", maintain_order=True)
    return {
        hashlib.blake2b(f"{corpus}\t{speaker}".encode(), digest_size=8).hexdigest(): identity
        for corpus, speaker, identity in known.select(*NAMES, "identity").iter_rows()
    }


def recording_digests(manifest: Manifest) -> pl.Series:
    """The digests of the manifest's audio files, each once, as far as it names them."""
    if "digest" not in manifest.table.columns:
        return pl.Series(dtype=pl.String)
    return manifest.table["digest"].drop_nulls().unique().sort()


def write_recordings(folder: Path, digests: pl.Series) -> None:
    """Write the digests of what a model in ``folder`` was trained on. Raises OutputError."""
    write_text(folder / FILE, "".join(f"{digest}\n" for digest in digests))


def recordings_trained_on(model: Path) -> pl.Series:
    """What ``write_recordings`` wrote beside a model file; nothing where the model lies alone.

    Raises ModelError where it is damaged.
    """
    path = model.parent / FILE
    return read_lines(path, ModelError)["text"] if path.is_file() else pl.Series(dtype=pl.String)


def refuse_shared(
    test: Manifest, other: Manifest, name: str, override: str, *, by_name: bool = False
) -> None:
    """Raise OverlapError where what a test is scored by was learned on its speakers or recordings.

    other: what calibration, a cohort, whitening or PLDA are learned on, or a system is trained on.
    Recordings without digests are told apart by their places, or where these are unknown by their
    names. name, override: as in ``TrainedOn.refuse``, which it warns like. by_name: whether an
    utterance's name is one recording in both, as where both take their embeddings from one file.
    """
    learned = TrainedOn().and_of(other, labels_used=False)
    learned.refuse(test, name, override)
    keys = ["utterance"] if by_name else ["place", "start", "duration"]
    same = _places(test).join(_places(other), on=keys, how="semi")
    if len(same):
        raise OverlapError(
            f"{name}: {len(same):,} of its {len(test):,} recordings are in both, such as "
            f"{quoted(same['utterance'].min())}, so its error rates would flatter: use another "
            f"list, or {override}"
        )
    if not learned.speakers and learned.recordings.is_empty():
        _tell_unknown(name)


def _places(manifest: Manifest) -> pl.DataFrame:
    place = pl.coalesce("path", "utterance").alias("place")
    return manifest.table.select("utterance", place, pl.col("start", "duration").fill_null(0))


def _tell_unknown(name: str | Path) -> None:
    warnings.warn(
        f"{name}: not known whether its speakers or recordings were trained on: a manifest has no "
        "column corpus and no column digest; `contravox prepare` writes both",
        OverlapWarning,
        stacklevel=3,
    )
