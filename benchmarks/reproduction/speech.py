"""Corpora of real speech, decoded once and pooled."""

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
from numpy.typing import NDArray

from contravox.audio.storage import file_state
from contravox.corpora.files import find_recordings
from contravox.corpora.preparation import CORPORA, prepare_corpus
from contravox.errors import AudioError, ManifestError
from contravox.files.tables import read_table, write_table
from contravox.files.writing import atomic_path, write_text
from contravox.manifest import MANIFEST, Manifest
from contravox.terminal.progress import progress_bar

SESSIONS = "utterances.tsv"
"""In the folder of a corpus: each recording's path in it and its session."""
STATE = "prepared_of.digest"
"""Beside a corpus's manifest: where its recordings were, and in which state, when it was made."""
TWIN = "an4/mdcs2"
"""May be the same person as mdcs."""


def corpora_of(speech: Path) -> list[Path]:
    """The folders of corpora in a folder. Raises ManifestError where there is none."""
    corpora = [path.parent for path in sorted(speech.glob(f"*/{SESSIONS}"))]
    if not corpora:
        raise ManifestError(
            f"{speech}: holds no corpus: each is a folder with one for every speaker and "
            f"{SESSIONS} with the columns path and session"
        )
    return corpora


def decoded(speech: Path, output: Path) -> Path:
    """WAV copies of all corpora, so that no epoch decodes anew; made once.

    What is WAV already is used where it lies.
    """
    corpora = corpora_of(speech)
    if all(_read_sessions(corpus)["path"].str.ends_with(".wav").all() for corpus in corpora):
        return speech
    for corpus in corpora:
        copy = output / corpus.name
        if (copy / SESSIONS).exists():
            continue
        table = _read_sessions(corpus)
        with progress_bar(f"decoding {corpus.name}") as report:
            for done, path in enumerate(table["path"], start=1):
                samples, rate = _read(corpus / path)
                with atomic_path((copy / path).with_suffix(".wav")) as temporary:
                    soundfile.write(temporary, samples, rate, format="WAV", subtype="PCM_16")
                report(done, len(table))
        # Last, for it says that the copy is whole.
        names = table.with_columns(pl.col("path").str.replace(r"\.[^./]+$", ".wav"))
        write_table(copy / SESSIONS, names)
    return output


def pooled(speech: Path, output: Path) -> Manifest:
    """The utterances of every corpus, of speakers with two or more.

    speech: holds corpora, each a folder for every speaker and ``utterances.tsv`` with the columns
    path and session. output: manifests of them are kept in it, each for as long as its recordings
    stay where and as they are.
    """
    parts = []
    for corpus in corpora_of(speech):
        manifest = _prepared(corpus, output / "corpora" / corpus.name)
        known = _read_sessions(corpus).select(
            pl.concat_str(pl.lit(f"{corpus.resolve()}/"), "path").alias("path"), "session"
        )
        table = manifest.table.drop("session", "corpus", strict=False)
        parts.append(
            table.join(known, on="path", how="left").with_columns(corpus=pl.lit(corpus.name))
        )
    every = Manifest.joined([Manifest(part) for part in parts])
    counts = every.table.select(pl.len().over(every.identities)).to_series()
    return Manifest(every.table.filter((counts > 1) & (every.identities != TWIN)))


def _prepared(corpus: Path, folder: Path) -> Manifest:
    """The manifest of a corpus, made anew where its recordings moved or changed."""
    paths = find_recordings("folder", CORPORA, corpus)["path"].sort()
    lines = "".join(f"{file_state(path)} {path}\n" for path in paths)
    state = hashlib.blake2b(lines.encode(), digest_size=16).hexdigest()
    path, known = folder / MANIFEST, folder / STATE
    made = Manifest.read(path) if path.is_file() else None
    if made is not None and known.is_file() and known.read_text(encoding="utf-8") == state:
        return made
    # One of before states were noted stands, so that runs that were finished on it still count.
    if made is None or known.is_file() or not made.table["path"].is_in(paths.implode()).all():
        with progress_bar(corpus.name) as report:
            prepare_corpus("folder", corpus, folder, progress=report)
        made = Manifest.read(path)
    write_text(known, state)
    return made


def _read(path: Path) -> tuple[NDArray[np.int16], int]:
    try:
        return soundfile.read(path, dtype="int16")
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(
            f"{path}: cannot be decoded ({error}): take it out of {SESSIONS}"
        ) from error


def _read_sessions(corpus: Path) -> pl.DataFrame:
    return read_table(corpus / SESSIONS, ManifestError, needs=("path", "session"))
