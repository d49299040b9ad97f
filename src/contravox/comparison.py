"""Two systems' scores of the same trials, brought side by side and compared."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.errors import TrialsError
from contravox.measurement import P_TARGETS
from contravox.metrics.paired_bootstrap import Difference, paired_bootstrap
from contravox.trial_list import TARGET_WORDS
from contravox.trial_set import TrialSet

TRIAL = ["enrolment", "test", "target"]


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same trials.

    first, second: where their scores are from. trials: how many; duplicates: how many of these are
    in the list for the second time or more, all counted. speakers, replicates: of the bootstrap.
    differences: of each measure. unlike: what differs in the protocols they were scored by, as
    name, first and second.
    """

    first: str
    second: str
    trial_list: str
    trials: int
    duplicates: int
    speakers: int
    replicates: int
    differences: list[Difference]
    unlike: list[tuple[str, str, str]]

    def to_dict(self) -> dict[str, Any]:
        """All of it, for programs."""
        differences = [asdict(each) | {"told_apart": each.told_apart} for each in self.differences]
        return asdict(self) | {"differences": differences}


def compare(
    first: Path,
    second: Path,
    trials: Path,
    manifest: Path | None = None,
    *,
    p_targets: Sequence[float] = P_TARGETS,
    replicates: int = 1000,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Comparison:
    """Compare two systems by their scores of a trial list.

    first, second: a ``scores.tsv``, or the folder of one that ``contravox evaluate`` wrote; the
    trials in any order.
    trials: the list, or its folder; its manifest says who speaks. manifest: ``manifest.tsv`` beside
    the list by default.

    Raises TrialsError where a file is malformed or has not the very trials of the list;
    ManifestError, MetricError.
    """
    trial_set = TrialSet.read(trials, manifest)
    files = [path / "scores.tsv" if path.is_dir() else path for path in (first, second)]
    table = trial_set.trials.table
    scores = [aligned_scores(path, table, trial_set.name) for path in files]
    enrolment, test = trial_set.enrolment_speakers, trial_set.test_speakers
    differences = paired_bootstrap(
        scores[0],
        scores[1],
        trial_set.trials.targets,
        enrolment,
        test,
        p_targets=p_targets,
        replicates=replicates,
        progress=progress,
    )
    return Comparison(
        first=str(first),
        second=str(second),
        trial_list=trial_set.name,
        trials=len(table),
        duplicates=len(table) - table.select("enrolment", "test").n_unique(),
        speakers=pl.concat([pl.Series(enrolment), pl.Series(test)]).n_unique(),
        replicates=replicates,
        differences=differences,
        unlike=_unlike(*(_protocol(path) for path in files)),
    )


def aligned_scores(path: Path, trials: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """Read the scores (k,) of a list's trials, in its order.

    path: tab-separated, with the columns enrolment, test, target and score, in any order. trials:
    the list, as ``Trials.table``; name: of the list, for the message. A trial that is in the list
    so many times is in the file so many times.

    Raises TrialsError.
    """
    scores = _read_scores(path)
    if scores.select(TRIAL).equals(trials.select(TRIAL)):
        return scores["score"].to_numpy()
    time = pl.int_range(pl.len()).over(TRIAL).alias("time")
    listed, scored = trials.select(*TRIAL, time), scores.select(*TRIAL, "score", time)
    joined = listed.join(scored, on=[*TRIAL, "time"], how="left", maintain_order="left")
    missing = joined["score"].null_count()
    extra = len(scored) - (len(listed) - missing)
    if missing or extra:
        raise TrialsError(
            f"{path}: has no score for {missing:,} of the {len(listed):,} trials of {name}, and "
            f"{extra:,} scores of trials that are not in it: score the same list with both systems"
        )
    return joined["score"].to_numpy()


def _read_scores(path: Path) -> pl.DataFrame:
    """A row for each score: enrolment, test, target (bool) and score. Raises TrialsError."""
    if not path.is_file():
        raise TrialsError(f"{path}: no such file of scores: `contravox evaluate -o` writes one")
    try:
        table = pl.read_csv(path, separator="\t", infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise TrialsError(f"{path}: not a tab-separated table of scores") from error
    lacking = [column for column in (*TRIAL, "score") if column not in table.columns]
    if lacking:
        raise TrialsError(
            f"{path}: has no column {lacking[0]!r}, only {', '.join(table.columns)}: scores are "
            "written as enrolment, test, target, score"
        )
    parsed = table.select(
        "enrolment",
        "test",
        pl.col("target").replace_strict(TARGET_WORDS, default=None, return_dtype=pl.Boolean),
        pl.col("score").cast(pl.Float64, strict=False),
    )
    wrong = pl.any_horizontal(pl.all().is_null()) | ~pl.col("score").is_finite()
    bad = parsed.select(wrong.fill_null(True)).to_series().arg_true()
    if len(bad):
        row = int(bad[0])
        raise TrialsError(
            f"{path}: row {row + 2}: {' '.join(map(str, table.select(*TRIAL, 'score').row(row)))} "
            "is not a trial with its score: write enrolment, test, 1 or 0, and a number"
        )
    return parsed


def _protocol(scores: Path) -> dict[str, Any]:
    """What ``contravox evaluate`` wrote beside the scores of how they came about, if it did."""
    path = scores.parent / "metrics.json"
    try:
        protocol = json.loads(path.read_text(encoding="utf-8")).get("protocol")
    except (OSError, ValueError, AttributeError):
        return {}
    return protocol if isinstance(protocol, dict) else {}


def _unlike(first: dict[str, Any], second: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What the protocols say differently, where both are known; models are meant to differ."""
    if not first or not second:
        return []
    return [
        (name, str(first.get(name)), str(second.get(name)))
        for name in first | second
        if name != "model" and first.get(name) != second.get(name)
    ]
