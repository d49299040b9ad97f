"""VOiCES from a distance (Nandwana et al., Interspeech 2019): the challenge's development set.

``Development_Data/Speaker_Recognition/sid_dev/sp0032/Lab41-SRI-VOiCES-….wav`` and
``sid_dev_lists_and_keys``.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus, OfficialList
from contravox.corpora.files import recordings_like
from contravox.corpora.lists import read_list
from contravox.trials.enrolments import Enrolments
from contravox.trials.trials import Trials

PATTERN = r"/sid_dev/(?<utterance>(?:[^/]+/)*(?<speaker>sp\d+)/[^/]+)\.[^./]+$"
LISTS = "sid_dev_lists_and_keys"
STEM = r"([^/]+?)(?:\.[^./]+)?$"


def voices_recordings(folder: Path) -> pl.DataFrame:
    """Every recording of the development set below ``folder``; sessions are not told."""
    return recordings_like(folder, PATTERN).with_columns(pl.lit("dev").alias("subset"))


def _read(files: Sequence[Path], utterances: pl.DataFrame) -> tuple[Trials, Enrolments | None]:
    """Trials of models, and the recordings behind each model.

    The lists and the disk agree on the names of the files alone, each of which is there once.
    """
    stems = utterances.select("utterance", pl.col("utterance").str.extract(STEM).alias("stem"))

    def named(table: pl.DataFrame, column: str) -> pl.DataFrame:
        joined = table.with_columns(pl.col(column).str.extract(STEM).alias("stem")).join(
            stems, on="stem", how="left", maintain_order="left", suffix="_known"
        )
        known = "utterance_known" if column == "utterance" else "utterance"
        return joined.with_columns(pl.coalesce(known, column).alias(column)).drop("stem")

    keys, models = files
    behind = read_list(models, r"^(?<enrolment>\S+)\s+(?<utterance>\S+)$", "model path")
    trials = named(Trials.read(keys).table, "test").select("enrolment", "test", "target")
    return Trials(trials), Enrolments(named(behind, "utterance").select("enrolment", "utterance"))


VOICES = Corpus(
    title="VOiCES from a distance",
    recordings=voices_recordings,
    pattern=PATTERN,
    example="Development_Data/Speaker_Recognition/sid_dev/sp0032/Lab41-SRI-VOiCES-….wav",
    release={"dev": {"speakers": 196, "utterances": 15_904}},
    lists=(
        OfficialList(
            "voices-dev",
            (f"{LISTS}/dev-trial-keys.lst", f"{LISTS}/dev-enroll.lst"),
            _read,
            enrolment="several utterances",
        ),
    ),
)
