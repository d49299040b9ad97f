"""Noises in any tree of audio: ``DIR/[noise|music|speech/]…/<name>.wav``."""

from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus
from contravox.corpora.folder import unlabelled_recordings

KINDS = ("noise", "music", "speech")
"""Names of top folders that say of what kind the recordings in them are, as MUSAN's do."""


def noise_recordings(folder: Path) -> pl.DataFrame:
    """Every audio file below ``folder``; kind is that of its top folder, or noise.

    Raises ManifestError where there is no audio.
    """
    recordings = unlabelled_recordings(folder)
    top = pl.col("utterance").str.extract(r"^([^/]+)/")
    kind = pl.when(top.is_in(KINDS)).then(top).otherwise(pl.lit("noise"))
    return recordings.with_columns(kind=kind)


NOISES = Corpus(title="a tree of noises", recordings=noise_recordings)
