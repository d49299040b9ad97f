"""Measures of parts of the trials: each sex, genre, language or session, short and long speech."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import polars as pl
from numpy.typing import NDArray

from contravox.errors import MetricError, few
from contravox.metrics.bootstrap import bootstrap_speakers, percentile_interval
from contravox.metrics.error_rates import equal_error_rate
from contravox.trials.trial_set import TrialSet

COMPARED = ("sex", "language")
"""Columns by which a trial's sides are compared; other names are those of the test alone."""
DURATIONS = (2.0, 5.0, 10.0, 20.0)
"""Bounds of the bins of durations, in seconds."""
UNKNOWN = "unknown"


class Condition(NamedTuple):
    """Some of the trials. column: what they were grouped by; name: such as ``both female``.

    rows: (k,) bool, which trials: of polars, a bit for each, as all the conditions' are held.
    """

    column: str
    name: str
    rows: pl.Series


class ConditionResult(NamedTuple):
    """What was measured of the trials of one condition.

    column: what the trials were grouped by, such as ``sex``; condition: such as ``female``.
    targets, nontargets: how many trials.
    equal_error_rate: between 0 and 1; None where the condition holds one kind of trial only.
    interval: 95 % interval of the equal error rate, low and high.
    """

    column: str
    condition: str
    targets: int
    nontargets: int
    equal_error_rate: float | None = None
    interval: tuple[float, float] | None = None


def conditions(trial_set: TrialSet, columns: Sequence[str]) -> Iterator[Condition]:
    """Part a trial list by columns of its manifest, one after the other.

    - ``sex``, ``language``: trials with the same on both sides, and those across.
    - ``session``: target trials of one session and of two. Only a speaker's own sessions can be the
      same, so both have all non-target trials beside them.
    - ``duration``: bins of the shorter side, in seconds. An enrolment of several utterances lasts
      as long as all of them.
    - any other, such as ``genre``: each name of the test side.

    Trials that lack what they are to be grouped by are ``unknown``; so is what the utterances of an
    enrolment do not share.

    Raises MetricError for a column that the manifest does not have.
    """
    for column in columns:
        if column not in trial_set.manifest.table.columns:
            raise MetricError(
                f"conditions: the manifest of {trial_set.name} has no column {column!r}, only "
                f"{few(trial_set.manifest.table.columns)}"
            )
        names = _sides(trial_set, column).select(_name(column)).to_series()
        shared = ~trial_set.trials.table["target"] if column == "session" else False
        for name in _in_order(names):
            yield Condition(column, name, names.eq_missing(name) | shared)


def conditions_of(
    scores: NDArray,
    trial_set: TrialSet,
    columns: Sequence[str],
    *,
    replicates: int = 1000,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[ConditionResult]:
    """Measure scores (k,) of a trial list in each of its ``conditions``.

    A condition with one kind of trial only has counts and no rate. There are no intervals where the
    manifest does not know who speaks.

    replicates: of the bootstrap over speakers. progress: called with the conditions done and in
    all.

    Raises MetricError for a column that the manifest does not have, or a score that is not finite.
    """
    targets = trial_set.trials.targets
    speakers = None
    if trial_set.manifest.speakers_known:
        speakers = trial_set.enrolment_speakers, trial_set.test_speakers
    results = []
    parts = list(conditions(trial_set, columns))
    for done, (column, name, held) in enumerate(parts):
        progress(done, len(parts))
        rows = held.to_numpy()
        kinds = targets[rows]
        count = int(kinds.sum())
        result = ConditionResult(column, name, count, len(kinds) - count)
        if 0 < count < len(kinds):
            rate, _ = equal_error_rate(scores[rows], kinds)
            result = result._replace(equal_error_rate=rate)
            if speakers is not None:
                enrolment, test = speakers
                drawn = bootstrap_speakers(
                    scores[rows],
                    kinds,
                    enrolment[rows],
                    test[rows],
                    p_targets=(),
                    replicates=replicates,
                )
                result = result._replace(interval=percentile_interval(drawn.equal_error_rate))
        results.append(result)
    return results


def _sides(trial_set: TrialSet, column: str) -> pl.DataFrame:
    """A row for each trial: target, and the column's value on either side."""
    known = trial_set.manifest.table.select("utterance", pl.col(column).alias("value"))
    enrolled = known.rename({"utterance": "enrolment"})
    if trial_set.enrolments is not None:
        parts = trial_set.enrolments.table.join(known, on="utterance", how="left")
        shared = pl.when(pl.col("value").n_unique() == 1).then(pl.col("value").first())
        whole = pl.when(pl.col("value").is_not_null().all()).then(pl.col("value").sum())
        value = whole if column == "duration" else shared
        enrolled = parts.group_by("enrolment").agg(value.alias("value"))
    return (
        trial_set.trials.table.join(
            enrolled.rename({"value": "enrolment_value"}),
            on="enrolment",
            how="left",
            maintain_order="left",
        )
        .join(
            known.rename({"utterance": "test", "value": "test_value"}),
            on="test",
            how="left",
            maintain_order="left",
        )
        .select("target", "enrolment_value", "test_value")
    )


def _name(column: str) -> pl.Expr:
    """The condition of a trial, from its row in ``_sides``; null where it has none."""
    enrolment, test = pl.col("enrolment_value"), pl.col("test_value")
    known = enrolment.is_not_null() & test.is_not_null()
    if column == "duration":
        shorter = pl.min_horizontal(enrolment, test)
        *names, longest = _duration_names()
        name = pl.lit(longest)
        for bound, below in reversed(list(zip(DURATIONS, names, strict=True))):
            name = pl.when(shorter < bound).then(pl.lit(below)).otherwise(name)
        return pl.when(known).then(name).otherwise(pl.lit(UNKNOWN))
    if column == "session":
        same = pl.when(enrolment == test).then(pl.lit("same session"))
        named = pl.when(known).then(same.otherwise(pl.lit("other session")))
        return pl.when("target").then(named.otherwise(pl.lit(UNKNOWN)))
    if column in COMPARED:
        both = pl.when(enrolment == test).then(pl.format("both {}", test))
        return pl.when(known).then(both.otherwise(pl.lit("across"))).otherwise(pl.lit(UNKNOWN))
    return test.cast(pl.String).fill_null(UNKNOWN)


def _duration_names() -> list[str]:
    """Of the bins, by ascending duration."""
    between = [f"{low:g}–{high:g} s" for low, high in pairwise(DURATIONS)]
    return [f"under {DURATIONS[0]:g} s", *between, f"{DURATIONS[-1]:g} s or more"]


def _in_order(names: pl.Series) -> list[str]:
    """Each name once: durations ascending, others by the alphabet, and what is unknown last."""
    rank = {name: place for place, name in enumerate(_duration_names())}
    found = names.drop_nulls().unique().to_list()
    return sorted(found, key=lambda name: (name == UNKNOWN, rank.get(name, 0), name))
