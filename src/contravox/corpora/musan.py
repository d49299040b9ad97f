"""MUSAN (Snyder et al., arXiv 1510.08484): ``musan/noise/free-sound/noise-free-sound-0000.wav``."""

from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus
from contravox.corpora.files import recordings_like

PATTERN = r"/(?<utterance>(?<kind>music|noise|speech)/[^/]+/[^/]+)\.[^./]+$"


def musan_recordings(folder: Path) -> pl.DataFrame:
    """Every recording below ``folder``; kind is music, noise or speech."""
    return recordings_like(folder, PATTERN)


MUSAN = Corpus(
    title="MUSAN",
    recordings=musan_recordings,
    pattern=PATTERN,
    example="musan/noise/free-sound/noise-free-sound-0000.wav",
    release={
        "music": {"utterances": 660},
        "noise": {"utterances": 930},
        "speech": {"utterances": 426},
    },
)
