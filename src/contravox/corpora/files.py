"""The files of a corpus, and what their paths say about them."""

import os
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from contravox.audio.waveform import AUDIO_SUFFIXES
from contravox.errors import ManifestError

BLOCK = 10_000
"""Paths that are held as Python strings at a time: in a column they take a fifth of the memory."""


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
