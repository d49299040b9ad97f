"""Any folder with a sub-folder per speaker: ``DIR/<speaker>/[<session>/…]<utterance>.wav``.

Or, for training without labels, any tree of audio.
"""

from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus
from contravox.corpora.files import audio_files
from contravox.errors import ManifestError


def folder_recordings(folder: Path) -> pl.DataFrame:
    """Speakers are the first level of folders; sessions are the levels below it, if any.

    An utterance is named by its path from ``folder``.

    Raises ManifestError where there is no audio, or audio outside a speaker's folder.
    """
    recordings = unlabelled_recordings(folder)
    name = pl.col("utterance")
    loose = recordings.filter(~name.str.contains("/", literal=True))
    if len(loose):
        path, utterance = loose.select("path", "utterance").row(0)
        raise ManifestError(
            f"{path}: lies in no speaker's folder: move it to {folder}/<speaker>/{utterance} for a "
            "speaker of that name, or use `contravox prepare unlabelled`"
        )
    return recordings.with_columns(
        name.str.extract(r"^([^/]+)/").alias("speaker"),
        name.str.extract(r"^[^/]+/(.+)/[^/]+$").alias("session"),
    )


def unlabelled_recordings(folder: Path) -> pl.DataFrame:
    """Every audio file below ``folder``, named by its path from it; speakers are not known.

    Raises ManifestError where there is no audio.
    """
    paths = audio_files(folder)
    if paths.is_empty():
        raise ManifestError(f"{folder}: holds no audio file (looked for .wav, .flac, .ogg, .mp3 …)")
    name = pl.col("path").str.strip_prefix(f"{str(folder.resolve()).rstrip('/')}/")
    return paths.to_frame().with_columns(name.alias("utterance"))


FOLDER = Corpus(title="a folder per speaker", recordings=folder_recordings, free=True)
UNLABELLED = Corpus(title="a tree of audio", recordings=unlabelled_recordings)
