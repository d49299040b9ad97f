"""RIRS_NOISES, OpenSLR 28 (Ko et al., ICASSP 2017): responses of rooms, and noises.

``RIRS_NOISES/simulated_rirs/smallroom/Room001/Room001-00001.wav``, ``real_rirs_isotropic_noises``,
whose files are responses or noises by their names, and ``pointsource_noises``.
"""

from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus
from contravox.corpora.files import recordings_like

PATTERN = (
    r"/(?<utterance>(?:simulated_rirs/(?<room>(?:small|medium|large)room)/(?:(?<session>Room\d+)/)?"
    r"|real_rirs_isotropic_noises/|(?<noises>pointsource_noises)/)(?<name>[^/]+))\.[^./]+$"
)


def rirs_recordings(folder: Path) -> pl.DataFrame:
    """Every response and noise below ``folder``.

    kind is smallroom, mediumroom or largeroom (simulated), real, or noise; session is the room.
    """
    is_noise = pl.col("noises").is_not_null() | pl.col("name").str.contains("(?i)noise")
    kind = (
        pl.when(pl.col("room").is_not_null())
        .then(pl.col("room"))
        .when(is_noise)
        .then(pl.lit("noise"))
        .otherwise(pl.lit("real"))
    )
    recordings = recordings_like(folder, PATTERN).with_columns(kind.alias("kind"))
    return recordings.drop("room", "noises", "name")


RIRS = Corpus(
    title="RIRS_NOISES",
    recordings=rirs_recordings,
    pattern=PATTERN,
    example="RIRS_NOISES/simulated_rirs/smallroom/Room001/Room001-00001.wav",
    apart={"noises": pl.col("kind") == "noise"},
    release={f"{size}room": {"utterances": 20_000} for size in ("small", "medium", "large")},
    # A response may be shorter than any speech.
    shortest=0.0,
)
