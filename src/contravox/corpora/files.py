"""The files of a corpus, what their paths say about them, and what lies there instead."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path

import polars as pl

from contravox.audio.waveform import AUDIO_SUFFIXES
from contravox.corpora.corpus import Corpus
from contravox.errors import ManifestError, quoted

BLOCK = 10_000
"""Paths that are held as Python strings at a time: in a column they take a fifth of the memory."""

ARCHIVE = re.compile(r"(?i)\.(zip|tar|tgz|gz|bz2|xz|7z|rar|z\d\d)$|part[a-z]{2}$|\.part\d*$")
"""Names of archives and of the pieces that large ones are released in."""

NAMED = 5
"""Entries of a folder that a message names."""


def audio_files(folder: Path, suffixes: Collection[str] = AUDIO_SUFFIXES) -> pl.Series:
    """The path of every audio file below ``folder``, sorted; links are followed.

    suffixes: endings of the files to find, in lower case.

    Raises ManifestError where there is no such folder, or a name is not UTF-8.
    """
    if not folder.is_dir():
        raise ManifestError(f"{folder}: no such folder")
    found, blocks = _walk(str(folder.resolve()), suffixes), []
    while block := list(islice(found, BLOCK)):
        try:
            blocks.append(pl.Series("path", block, dtype=pl.String))
        except UnicodeEncodeError as error:
            raise ManifestError(
                f"{error.object!a}: its name is not UTF-8: rename the file"
            ) from error
    return pl.concat(blocks).sort() if blocks else pl.Series("path", [], dtype=pl.String)


def recordings_like(
    folder: Path, pattern: str, suffixes: Collection[str] = AUDIO_SUFFIXES
) -> pl.DataFrame:
    """The audio files below ``folder`` whose path is like ``pattern``, and what it says of them.

    pattern: a regular expression for the path from the folder's own name on, with a slash before
    it; so the folder may be the corpus, the one around it or a part of it.

    Returns the columns path and, for each named group of the pattern, that group.
    """
    paths = audio_files(folder, suffixes).to_frame()
    around = str(folder.resolve().parent).rstrip("/")
    groups = pl.col("path").str.strip_prefix(around).str.extract_groups(pattern).alias("groups")
    return paths.with_columns(groups).unnest("groups").drop_nulls("utterance")


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
            f"{quoted(twice['utterance'][0])}, {mend}"
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


def _walk(folder: str, suffixes: Collection[str]) -> Iterator[str]:
    folders, links = [folder], set()
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    # A link may lead back to where it lies.
                    if entry.is_symlink():
                        target = os.path.realpath(entry.path)
                        if target in links:
                            continue
                        links.add(target)
                    folders.append(entry.path)
                elif os.path.splitext(entry.name)[1].lower() in suffixes:
                    yield entry.path


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
