"""VoxCeleb2 (Chung et al., Interspeech 2018): ``dev/aac/id00012/21Uxsk56VDQ/00001.m4a``.

A session is a video. The release is in AAC, which libsndfile does not read; ``contravox convert``
makes FLAC of it in the same folders.
"""

from pathlib import Path

import polars as pl

from contravox.audio.waveform import AUDIO_SUFFIXES
from contravox.corpora.corpus import Corpus
from contravox.corpora.files import recordings_like
from contravox.corpora.sex import with_sex
from contravox.errors import ManifestError

PATTERN = (
    r"/(?:(?<subset>dev|test)/(?:[^/]+/)?)?"
    r"(?<utterance>(?<speaker>id0\d{4})/(?<session>[^/]+)/[^/]+)\.[^./]+$"
)


def voxceleb2_recordings(folder: Path) -> pl.DataFrame:
    """Every utterance below ``folder``; subset is test below a folder of that name, else dev.

    Raises ManifestError where there are utterances that are still in AAC.
    """
    found = recordings_like(folder, PATTERN, {*AUDIO_SUFFIXES, ".m4a"})
    in_aac = pl.col("path").str.ends_with(".m4a")
    recordings = found.filter(~in_aac)
    left = found.filter(in_aac).join(recordings, on="utterance", how="anti")
    if len(left):
        raise ManifestError(
            f"{left['path'][0]}: AAC, and {len(left):,} of {len(found):,} utterances are not "
            f"converted yet: run `contravox convert {folder} -o OUT`, then prepare OUT"
        )
    recordings = recordings.with_columns(pl.col("subset").fill_null("dev"))
    return with_sex(recordings, folder, "vox2_meta.csv", r"^(id0\d{4})[\s,]+\S+?[\s,]+([mf])[\s,]")


VOXCELEB2 = Corpus(
    title="VoxCeleb2",
    recordings=voxceleb2_recordings,
    pattern=PATTERN,
    example="dev/aac/id00012/21Uxsk56VDQ/00001.flac",
    training=pl.col("subset") == "dev",
    release={
        "dev": {"speakers": 5_994, "utterances": 1_092_009},
        "test": {"speakers": 118, "utterances": 36_237},
    },
)
