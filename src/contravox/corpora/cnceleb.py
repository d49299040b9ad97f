"""CN-Celeb 1 and 2 (Fan et al., ICASSP 2020; Li et al., Speech Communication 2022).

``CN-Celeb_flac/data/id00000/singing-01-001.flac`` (genre-session-utterance) and, in ``eval``,
``enroll/id00800-enroll.flac`` and ``test/id00800-singing-01-001.flac``;
``CN-Celeb2_flac/data/id10000/…``. A session is one of a genre.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus, OfficialList
from contravox.corpora.files import recordings_like
from contravox.corpora.lists import find_list, read_list, without_suffix
from contravox.errors import ManifestError
from contravox.trials.enrolments import Enrolments
from contravox.trials.trials import Trials

PATTERN = (
    r"/(?:data/|eval/)(?<utterance>(?:(?<part>enroll|test)/)?(?<speaker>id\d{5})"
    r"[-/](?:enroll|(?<session>(?<genre>[^/]+)-\d+)-\d+))\.[^./]+$"
)

SPEAKERS = "dev/dev.lst"
"""The speakers of CN-Celeb1 that are for training."""


def cnceleb_recordings(folder: Path) -> pl.DataFrame:
    """Every utterance of CN-Celeb1 and 2 below ``folder``.

    subset: dev (CN-Celeb1's speakers for training), cnceleb2, enroll and test (of ``eval``), or
    eval (utterances in ``data`` of the speakers of ``eval``).

    Raises ManifestError where CN-Celeb1 lacks its list of speakers for training.
    """
    recordings = recordings_like(folder, PATTERN)
    first = pl.col("speaker").str.starts_with("id0")
    speakers: list[str] = []
    if len(recordings.filter(first)):
        path = find_list(folder, SPEAKERS)
        if path is None:
            raise ManifestError(
                f"{folder}: no {SPEAKERS}, which says who of CN-Celeb1 is for training: "
                "unpack the whole release"
            )
        speakers = read_list(path, r"^(?<speaker>\S+)$", "speaker")["speaker"].to_list()
    subset = (
        pl.when(pl.col("part").is_not_null())
        .then(pl.col("part"))
        .when(~first)
        .then(pl.lit("cnceleb2"))
        .when(pl.col("speaker").is_in(speakers))
        .then(pl.lit("dev"))
        .otherwise(pl.lit("eval"))
    )
    return recordings.with_columns(subset.alias("subset")).drop("part")


def _read(files: Sequence[Path], _: pl.DataFrame) -> tuple[Trials, Enrolments | None]:
    """Trials, and the utterances behind each enrolment: one whole file, or those of the map."""
    trials, behind = files
    expected = "enrolment utterance ..."
    listed = read_list(behind, r"^(?<enrolment>\S+)\s+(?<utterance>\S.*)$", expected)
    listed = listed.with_columns(pl.col("utterance").str.extract_all(r"\S+")).explode("utterance")
    names = Trials.read(trials).table.with_columns(without_suffix("test"))
    return Trials(names), Enrolments(listed.with_columns(without_suffix("utterance")))


CNCELEB = Corpus(
    title="CN-Celeb",
    recordings=cnceleb_recordings,
    pattern=PATTERN,
    example="CN-Celeb_flac/data/id00000/singing-01-001.flac",
    training=pl.col("subset").is_in(["dev", "cnceleb2"]),
    release={
        "dev": {"speakers": 797},
        "cnceleb2": {"speakers": 1_996},
        "enroll": {"utterances": 196},
        "test": {"utterances": 17_777},
    },
    lists=(
        OfficialList(
            "cnceleb-concatenated",
            ("eval/lists/trials.lst", "eval/lists/enroll.lst"),
            _read,
            3_484_292,
            "utterances concatenated",
        ),
        OfficialList(
            "cnceleb-averaged",
            ("eval/lists/trials.lst", "eval/lists/enroll.map"),
            _read,
            3_484_292,
            "several utterances",
        ),
    ),
)
