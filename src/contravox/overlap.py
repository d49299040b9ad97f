"""Whether a test holds speakers or recordings that were trained on."""

import hashlib
from collections.abc import Collection
from pathlib import Path

import polars as pl

from contravox.errors import OverlapError
from contravox.manifest import Manifest
from contravox.writing import write_text

FILE = "trained_on.txt"
"""Beside a model: the digest of every recording that it was trained on, one a line."""


def speaker_digests(manifest: Manifest) -> dict[str, str]:
    """A digest of corpus and name for each speaker, with the name.

    Speakers of a corpus that the manifest does not name are left out: two corpora may both have a
    speaker 1.
    """
    if "corpus" not in manifest.table.columns:
        return {}
    known = manifest.table.select("corpus", "speaker").drop_nulls().unique()
    return {
        hashlib.blake2b(f"{corpus}\t{speaker}".encode(), digest_size=8).hexdigest(): speaker
        for corpus, speaker in known.iter_rows()
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
    """What ``write_recordings`` wrote beside a model file; nothing where the model lies alone."""
    path = model.parent / FILE
    lines = path.read_text(encoding="utf-8").split() if path.is_file() else []
    return pl.Series(lines, dtype=pl.String)


def refuse_overlap(
    test: Manifest,
    name: str | Path,
    *,
    speakers: Collection[str],
    recordings: pl.Series,
    override: str,
) -> None:
    """Raise OverlapError where a test has speakers or recordings that were trained on.

    name: of the test, for the message. speakers, recordings: digests of those trained on.
    override: what allows it, for the message.
    """
    trained, tested = set(speakers), speaker_digests(test)
    both = sorted(speaker for digest, speaker in tested.items() if digest in trained)
    flatters = "so its error rates would flatter: use another list, or"
    if both:
        raise OverlapError(
            f"{name}: {len(both):,} of its {len(tested):,} speakers were trained on, such as "
            f"{both[0]!r}, {flatters} {override}"
        )
    if "digest" not in test.table.columns:
        return
    same = test.table.join(recordings.alias("digest").to_frame(), on="digest", how="semi")
    if len(same):
        raise OverlapError(
            f"{name}: {len(same):,} of its {len(test):,} recordings were trained on, such as "
            f"{same['utterance'].min()!r}, {flatters} {override}"
        )
