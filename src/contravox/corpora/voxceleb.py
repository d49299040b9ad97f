"""VoxCeleb1 and 2 (Nagrani et al., Interspeech 2017; Chung et al., Interspeech 2018).

VoxCeleb1: ``wav/id10001/1zcIwhmdeo4/00001.wav``; the parts lie in ``dev/wav`` and ``test/wav``, or
merged in one ``wav``. VoxCeleb2: ``dev/aac/id00012/21Uxsk56VDQ/00001.m4a``; the release is in AAC,
which libsndfile does not read; ``contravox transcode`` makes FLAC of it in the same folders.
A session is a video.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from contravox.audio.waveform import AUDIO_SUFFIXES
from contravox.corpora.corpus import Corpus, OfficialList
from contravox.corpora.files import recordings_like
from contravox.corpora.lists import with_sex, without_suffix
from contravox.errors import ManifestError
from contravox.trials.enrolments import Enrolments
from contravox.trials.trials import Trials

VOXCELEB1_PATTERN = r"/(?<utterance>(?<speaker>id1\d{4})/(?<session>[^/]+)/[^/]+)\.[^./]+$"

TEST_SPEAKERS = [f"id{number}" for number in range(10270, 10310)]
"""VoxCeleb1's speakers for testing: those whose names begin with E."""


def voxceleb1_recordings(folder: Path) -> pl.DataFrame:
    """Every utterance below ``folder``; subset is dev or test, by the speaker."""
    of_test = pl.col("speaker").is_in(TEST_SPEAKERS)
    subset = pl.when(of_test).then(pl.lit("test")).otherwise(pl.lit("dev")).alias("subset")
    recordings = recordings_like(folder, VOXCELEB1_PATTERN).with_columns(subset)
    return with_sex(recordings, folder, "vox1_meta.csv", r"^(id1\d{4})\s+\S+\s+([mf])\s")


def _read(files: Sequence[Path], _: pl.DataFrame) -> tuple[Trials, Enrolments | None]:
    names = Trials.read(files[0]).table.with_columns(
        without_suffix("enrolment"), without_suffix("test")
    )
    return Trials(names), None


VOXCELEB1 = Corpus(
    title="VoxCeleb1",
    recordings=voxceleb1_recordings,
    pattern=VOXCELEB1_PATTERN,
    example="wav/id10001/1zcIwhmdeo4/00001.wav",
    training=pl.col("subset") == "dev",
    release={
        "dev": {"speakers": 1_211, "utterances": 148_642},
        "test": {"speakers": 40, "utterances": 4_874},
    },
    lists=(
        OfficialList("voxceleb1-o", ("veri_test2.txt",), _read, 37_611),
        OfficialList("voxceleb1-o-original", ("veri_test.txt",), _read, 37_720),
        OfficialList("voxceleb1-e", ("list_test_all2.txt",), _read, 579_818),
        OfficialList("voxceleb1-e-original", ("list_test_all.txt",), _read, 581_480),
        OfficialList("voxceleb1-h", ("list_test_hard2.txt",), _read, 550_894),
        OfficialList("voxceleb1-h-original", ("list_test_hard.txt",), _read, 552_536),
    ),
)

VOXCELEB2_PATTERN = (
    r"/(?:(?<subset>dev|test)/(?:[^/]+/)?)?"
    r"(?<utterance>(?<speaker>id0\d{4})/(?<session>[^/]+)/[^/]+)\.[^./]+$"
)


def voxceleb2_recordings(folder: Path) -> pl.DataFrame:
    """Every utterance below ``folder``; subset is test below a folder of that name, else dev.

    Raises ManifestError where there are utterances that are still in AAC.
    """
    found = recordings_like(folder, VOXCELEB2_PATTERN, {*AUDIO_SUFFIXES, ".m4a"})
    in_aac = pl.col("path").str.ends_with(".m4a")
    recordings = found.filter(~in_aac)
    left = found.filter(in_aac).join(recordings, on="utterance", how="anti")
    if len(left):
        raise ManifestError(
            f"{left['path'][0]}: AAC, and {len(left):,} of {len(found):,} utterances are not "
            f"transcoded yet: run `contravox transcode {folder} -o OUT`, then prepare OUT"
        )
    recordings = recordings.with_columns(pl.col("subset").fill_null("dev"))
    return with_sex(recordings, folder, "vox2_meta.csv", r"^(id0\d{4})[\s,]+\S+?[\s,]+([mf])[\s,]")


VOXCELEB2 = Corpus(
    title="VoxCeleb2",
    recordings=voxceleb2_recordings,
    pattern=VOXCELEB2_PATTERN,
    example="dev/aac/id00012/21Uxsk56VDQ/00001.flac",
    training=pl.col("subset") == "dev",
    release={
        "dev": {"speakers": 5_994, "utterances": 1_092_009},
        "test": {"speakers": 118, "utterances": 36_237},
    },
)
