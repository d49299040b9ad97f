"""CMU AN4: ``an4/wav/an4_clstk/<speaker>/<utterance>.sph`` and ``…/an4test_clstk/…``."""

from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus
from contravox.corpora.files import recordings_like

PATTERN = r"/(?<subset>an4(?:test)?)_clstk/(?<utterance>(?<speaker>[^/]+)/[^/]+)\.[^./]+$"


def an4_recordings(folder: Path) -> pl.DataFrame:
    """Every utterance of AN4 below ``folder``, as SPHERE, WAV, FLAC or ``.raw``.

    subset is train or test; there is one session for each speaker.
    """
    subset = pl.col("subset").replace({"an4": "train", "an4test": "test"})
    return recordings_like(folder, PATTERN).with_columns(subset, pl.lit("1").alias("session"))


AN4 = Corpus(
    title="AN4",
    recordings=an4_recordings,
    pattern=PATTERN,
    example="an4/wav/an4_clstk/fash/an251-fash-b.sph",
    release={
        "train": {"speakers": 74, "utterances": 948},
        "test": {"speakers": 10, "utterances": 130},
    },
    free=True,
)
