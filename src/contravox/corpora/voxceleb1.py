"""VoxCeleb1 (Nagrani et al., Interspeech 2017): ``wav/id10001/1zcIwhmdeo4/00001.wav``.

A session is a video. The parts lie in ``dev/wav`` and ``test/wav``, or merged in one ``wav``.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus, TrialList
from contravox.corpora.files import recordings_like
from contravox.corpora.lists import without_suffix
from contravox.corpora.sex import with_sex
from contravox.trials.enrolments import Enrolments
from contravox.trials.trials import Trials

PATTERN = r"/(?<utterance>(?<speaker>id1\d{4})/(?<session>[^/]+)/[^/]+)\.[^./]+$"

TEST_SPEAKERS = [f"id{number}" for number in range(10270, 10310)]
"""Those whose names begin with E."""


def voxceleb1_recordings(folder: Path) -> pl.DataFrame:
    """Every utterance below ``folder``; subset is dev or test, by the speaker."""
    of_test = pl.col("speaker").is_in(TEST_SPEAKERS)
    subset = pl.when(of_test).then(pl.lit("test")).otherwise(pl.lit("dev")).alias("subset")
    recordings = recordings_like(folder, PATTERN).with_columns(subset)
    return with_sex(recordings, folder, "vox1_meta.csv", r"^(id1\d{4})\s+\S+\s+([mf])\s")


def _read(files: Sequence[Path], _: pl.DataFrame) -> tuple[Trials, Enrolments | None]:
    names = Trials.read(files[0]).table.with_columns(
        without_suffix("enrolment"), without_suffix("test")
    )
    return Trials(names), None


VOXCELEB1 = Corpus(
    title="VoxCeleb1",
    recordings=voxceleb1_recordings,
    pattern=PATTERN,
    example="wav/id10001/1zcIwhmdeo4/00001.wav",
    training=pl.col("subset") == "dev",
    release={
        "dev": {"speakers": 1_211, "utterances": 148_642},
        "test": {"speakers": 40, "utterances": 4_874},
    },
    lists=(
        TrialList("voxceleb1-o", ("veri_test2.txt",), _read, 37_611),
        TrialList("voxceleb1-o-original", ("veri_test.txt",), _read, 37_720),
        TrialList("voxceleb1-e", ("list_test_all2.txt",), _read, 579_818),
        TrialList("voxceleb1-e-original", ("list_test_all.txt",), _read, 581_480),
        TrialList("voxceleb1-h", ("list_test_hard2.txt",), _read, 550_894),
        TrialList("voxceleb1-h-original", ("list_test_hard.txt",), _read, 552_536),
    ),
)
