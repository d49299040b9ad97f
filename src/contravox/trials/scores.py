"""Scores of a trial list in a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.errors import TrialsError, brief, quoted
from contravox.files.tables import read_table, write_table
from contravox.trials.formats import TARGET_WORDS
from contravox.trials.trials import Trials

SCORES, METRICS = "scores.tsv", "metrics.json"
"""The files of an evaluation's scores, and of its numbers and protocol."""

TRIAL = ["enrolment", "test", "target"]

RATIOS = "log_likelihood_ratio"
"""The column of scores.tsv beside the scores, where these were calibrated."""


def score_file(path: Path) -> Path:
    """The file of scores itself, or of the folder that ``contravox evaluate`` wrote."""
    return path / SCORES if path.is_dir() else path


def protocol_beside(scores: Path) -> dict[str, Any]:
    """What ``contravox evaluate`` wrote beside the scores of how they came about, if it did.

    Raises TrialsError where it is damaged: a difference between systems would go unnoticed.
    """
    path = scores.parent / METRICS
    if not path.is_file():
        return {}
    try:
        metrics = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise TrialsError(
            f"{path}: is damaged ({brief(str(error))}): evaluate again, or remove it"
        ) from error
    protocol = metrics.get("protocol") if isinstance(metrics, dict) else None
    return protocol if isinstance(protocol, dict) else {}


def write_scores(
    path: Path, trials: Trials, scores: NDArray, log_likelihood_ratios: NDArray | None = None
) -> None:
    """Write ``score_table``, tab-separated. Raises OutputError."""
    write_table(path, score_table(trials, scores, log_likelihood_ratios))


def score_table(
    trials: Trials, scores: NDArray, log_likelihood_ratios: NDArray | None = None
) -> pl.DataFrame:
    """Columns enrolment, test, target and score, and the ratios where there are any."""
    table = trials.table.with_columns(
        pl.col("target").cast(pl.Int8), pl.Series("score", scores, dtype=pl.Float32)
    )
    if log_likelihood_ratios is None:
        return table
    ratios = pl.Series(RATIOS, log_likelihood_ratios, dtype=pl.Float32)
    return table.with_columns(ratios)


def aligned_scores(path: Path, trials: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """Read the scores (k,) of a list's trials, in its order.

    path: tab-separated, with the columns enrolment, test, target and score, in any order, or the
    folder of it that ``contravox evaluate`` wrote. trials: the list, as ``Trials.table``; name: of
    the list, for the message. A trial that is in the list so many times is in the file so many
    times.

    Raises TrialsError.
    """
    return align_scores(_read_scores(score_file(path)), trials, path, name)


def align_scores(
    scores: pl.DataFrame, trials: pl.DataFrame, path: Path, name: str
) -> NDArray[np.float64]:
    """Scores (k,) of a list's trials, in its order; ``scores`` need not say which are targets.

    Raises TrialsError, as ``aligned_scores``.
    """
    keys = [key for key in TRIAL if key in scores.columns]
    if scores.select(keys).equals(trials.select(keys)):
        return scores["score"].to_numpy()
    both, sides = (trials, scores), TRIAL[:2]
    names = pl.concat([table[side].unique() for table in both for side in sides]).unique()
    listed, scored = (_numbered(table.select(keys), names) for table in both)
    scored = scored.with_columns(scores["score"])
    on = ["trial"]
    if any(table["trial"].n_unique() < len(table) for table in (listed, scored)):
        time = pl.int_range(pl.len()).over("trial").alias("time")
        listed, scored = listed.with_columns(time), scored.with_columns(time)
        on.append("time")
    joined = listed.join(scored, on=on, how="left", maintain_order="left")
    missing = joined["score"].null_count()
    extra = len(scored) - (len(listed) - missing)
    if missing or extra:
        if "target" in keys:
            _refuse_contradictions(scores, trials, path, name)
        raise TrialsError(
            f"{path}: has no score for {missing:,} of the {len(listed):,} trials of {name}, and "
            f"{extra:,} scores of trials that are not in it: score the very list"
        )
    return joined["score"].to_numpy()


def _numbered(trials: pl.DataFrame, names: pl.Series) -> pl.DataFrame:
    """A column ``trial``: a number for each trial, the same for the same; names: of either side.

    Millions of numbers are compared in a fraction of the memory and time that names take.
    """
    numbers = names.alias("name").to_frame().with_row_index("number")
    one, other = (
        trials.select(name=side)
        .join(numbers, on="name", how="left", maintain_order="left")["number"]
        .cast(pl.UInt64)
        for side in TRIAL[:2]
    )
    number = one * len(names) + other
    if "target" in trials.columns:
        number = 2 * number + trials["target"].cast(pl.UInt64)
    return pl.DataFrame({"trial": number})


def _refuse_contradictions(
    scores: pl.DataFrame, trials: pl.DataFrame, path: Path, name: str
) -> None:
    """Raises TrialsError where scores are of the very pairs, but call them otherwise."""
    otherwise = scores.join(trials, on=TRIAL, how="anti").join(trials, on=TRIAL[:2], how="semi")
    if len(otherwise):
        enrolment, test, target = otherwise.select(TRIAL).row(0)
        here, there = ("target", "non-target") if target else ("non-target", "target")
        raise TrialsError(
            f"{path}: contradicts {name} in {len(otherwise):,} trials, such as "
            f"{quoted(enrolment)} and {quoted(test)}, a {here} trial here and a {there} "
            "trial there: score the list as it is now"
        )


def _read_scores(path: Path) -> pl.DataFrame:
    """A row for each score: enrolment, test, target (bool) and score. Raises TrialsError."""
    if not path.is_file():
        raise TrialsError(f"{path}: no such file of scores: `contravox evaluate -o` writes one")
    table = read_table(path, TrialsError, needs=(*TRIAL, "score"))
    parsed = table.select(
        "enrolment",
        "test",
        pl.col("target").replace_strict(TARGET_WORDS, default=None, return_dtype=pl.Boolean),
        pl.col("score").cast(pl.Float64, strict=False),
    )
    # Scores are written in 32 bits; what is larger overflows wherever it is squared.
    finite = pl.col("score").cast(pl.Float32, strict=False).is_finite()
    wrong = pl.any_horizontal(pl.all().is_null()) | ~finite
    bad = parsed.select(wrong.fill_null(True)).to_series().arg_true()
    if len(bad):
        row = int(bad[0])
        fields = " ".join(map(str, table.select(*TRIAL, "score").row(row)))
        raise TrialsError(
            f"{path}: row {row + 2}: {brief(fields)} is not a trial with its score: "
            "write enrolment, test, 1 or 0, and a number"
        )
    return parsed
