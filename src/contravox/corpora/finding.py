"""The recordings of a corpus on disk, or what lies there instead."""

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from contravox.audio.waveform import AUDIO_SUFFIXES
from contravox.corpora.corpus import Corpus
from contravox.corpora.files import audio_files, recordings_like
from contravox.errors import ManifestError, brief

ARCHIVE = re.compile(r"(?i)\.(zip|tar|tgz|gz|bz2|xz|7z|rar|z\d\d)$|part[a-z]{2}$|\.part\d*$")
"""Names of archives and of the pieces that large ones are released in."""

NAMED = 5
"""Entries of a folder that a message names."""


def find_recordings(name: str, corpora: Mapping[str, Corpus], folder: Path) -> pl.DataFrame:
    """The recordings of the corpus ``name`` in ``folder``, with its name as the column corpus.

    corpora: all that are known, for the message. A layout that any corpus may have, such as a
    folder per speaker or a table, gives the corpus the folder's name.

    Raises ManifestError where there are none, saying what was looked for and what was found, and
    where two have the same name.
    """
    corpus = corpora[name]
    recordings = corpus.recordings(folder)
    if recordings.is_empty():
        raise ManifestError(_not_found(corpus, corpora, folder))
    twice = recordings.filter(pl.col("utterance").is_duplicated()).sort("utterance")
    if len(twice):
        one, other = twice["path"][:2]
        mend = (
            f"which is {one} and {other}: remove one of the two copies, or prepare a folder that "
            "holds only one"
        )
        if one == other:
            mend = f"both of {one}: give each part of a recording a name of its own"
        raise ManifestError(
            f"{twice['utterance'].n_unique():,} utterances are there twice, such as "
            f"{brief(twice['utterance'][0])!r}, {mend}"
        )
    if "corpus" in recordings.columns:
        return recordings
    place = folder.resolve()
    around = place if place.is_dir() else place.parent
    named = name if corpus.pattern else around.name
    return recordings.with_columns(pl.lit(named).alias("corpus"))


def archives(folder: Path) -> list[str]:
    """Names of the archives that lie in ``folder``, sorted."""
    return sorted(entry.name for entry in folder.iterdir() if ARCHIVE.search(entry.name))


def _not_found(corpus: Corpus, corpora: Mapping[str, Corpus], folder: Path) -> str:
    entries = sorted(entry.name for entry in folder.iterdir())
    more = f" and {len(entries) - NAMED:,} more" if len(entries) > NAMED else ""
    found = ", ".join(entries[:NAMED]) + more if entries else "nothing"
    looked = f"{folder}: not {corpus.title}: looked for {corpus.example}, found {found}"
    packed = archives(folder)
    if packed:
        return f"{looked}: unpack the archives first, such as {packed[0]}"
    suffixes = {*AUDIO_SUFFIXES, ".m4a"}
    for name, other in corpora.items():
        if other.pattern and len(recordings_like(folder, other.pattern, suffixes)):
            return f"{looked}: it looks like {other.title}: use `contravox prepare {name}`"
    if (folder / "wav.scp").is_file():
        return f"{looked}: it looks like {corpora['kaldi'].title}: use `contravox prepare kaldi`"
    if len(audio_files(folder)):
        return f"{looked}: for any folder per speaker use `contravox prepare folder`"
    return f"{looked}: give the folder of the unpacked corpus"
