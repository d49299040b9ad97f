import numpy as np
import polars as pl
import pytest

from contravox.errors import MetricError
from contravox.evaluation.conditions import conditions, conditions_of
from contravox.manifest import Manifest
from contravox.metrics.bootstrap import bootstrap_speakers, percentile_interval
from contravox.metrics.error_rates import equal_error_rate
from contravox.trials.enrolments import Enrolments
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials

UTTERANCES = {
    # speaker, session, duration, sex, genre
    "a1": ("a", "s1", 1.5, "female", "speech"),
    "a2": ("a", "s1", 30.0, "female", "singing"),
    "a3": ("a", "s2", 5.0, "female", "speech"),
    "b1": ("b", "s1", 4.9, "male", "speech"),
    "b2": ("b", None, 12.0, "male", None),
    "c1": ("c", "s1", 2.0, None, "singing"),
}
TRIALS = [
    ("a1", "a2", True),
    ("a1", "a3", True),
    ("a2", "a3", True),
    ("b1", "b2", True),
    ("a1", "b1", False),
    ("a2", "c1", False),
    ("b2", "a3", False),
]


def manifest() -> Manifest:
    rows = [(name, *values, "/x.wav", 0.0, 16_000) for name, values in UTTERANCES.items()]
    columns = ["utterance", "speaker", "session", "duration", "sex", "genre"]
    return Manifest(pl.DataFrame(rows, [*columns, "path", "start", "sample_rate"], orient="row"))


def trial_set() -> TrialSet:
    table = pl.DataFrame(TRIALS, ["enrolment", "test", "target"], orient="row")
    return TrialSet.of(Trials(table), manifest(), Protocol("list"))


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("sex", {"across": [4, 6], "both female": [0, 1, 2], "both male": [3], "unknown": [5]}),
        (
            "session",
            {
                "other session": [1, 2, 4, 5, 6],
                "same session": [0, 4, 5, 6],
                "unknown": [3, 4, 5, 6],
            },
        ),
        ("genre", {"singing": [0, 5], "speech": [1, 2, 4, 6], "unknown": [3]}),
        (
            "duration",
            {"under 2 s": [0, 1, 4], "2–5 s": [3, 5], "5–10 s": [2, 6]},
        ),
    ],
)
def test_conditions_by_hand(column: str, expected: dict[str, list[int]]) -> None:
    found = list(conditions(trial_set(), [column]))
    assert {each.name: np.flatnonzero(each.rows).tolist() for each in found} == expected
    assert [each.name for each in found] == list(expected)
    assert {each.column for each in found} == {column}


def test_enrolments_of_several_utterances() -> None:
    enrolments = Enrolments(
        pl.DataFrame(
            [("A", "a1"), ("A", "a3"), ("B", "b1"), ("X", "a1"), ("X", "b1")],
            ["enrolment", "utterance"],
            orient="row",
        )
    )
    table = pl.DataFrame(
        [("A", "a2", True), ("B", "a2", False), ("X", "a2", False), ("X", "b2", False)],
        ["enrolment", "test", "target"],
        orient="row",
    )
    # Two people are refused where a list is read; two sexes may stand for one by mistake.
    several = TrialSet(Trials(table), manifest(), Protocol("list"), enrolments)

    def found(column: str) -> dict[str, list[int]]:
        return {
            each.name: np.flatnonzero(each.rows).tolist() for each in conditions(several, [column])
        }

    # 6.5 s together; of two sexes, so of none.
    assert found("duration") == {"2–5 s": [1], "5–10 s": [0, 2, 3]}
    assert found("sex") == {"across": [1], "both female": [0], "unknown": [2, 3]}
    # In two sessions: it is unknown whether the test shares one with the enrolment.
    assert found("session") == {"unknown": [0, 1, 2, 3]}


def test_durations_that_are_not_known_are_unknown() -> None:
    table = manifest().table.with_columns(
        duration=pl.when(pl.col("utterance") != "a2").then("duration")
    )
    enrolments = Enrolments(
        pl.DataFrame(
            [("A", "a1"), ("A", "a2"), ("B", "b1")], ["enrolment", "utterance"], orient="row"
        )
    )
    trials = pl.DataFrame(
        [("A", "a3", True), ("B", "a3", False), ("B", "a2", False)],
        ["enrolment", "test", "target"],
        orient="row",
    )
    several = TrialSet(Trials(trials), Manifest(table), Protocol("list"), enrolments)
    found = {
        each.name: np.flatnonzero(each.rows).tolist() for each in conditions(several, ["duration"])
    }
    assert found.pop("unknown") == [0, 2]
    assert list(found.values()) == [[1]]


def test_rates_are_those_of_the_trials_of_each() -> None:
    generator = np.random.default_rng(0)
    names = [f"s{speaker}u{i}" for speaker in range(12) for i in range(4)]
    table = pl.DataFrame(
        {
            "utterance": names,
            "speaker": [name.split("u")[0] for name in names],
            "session": None,
            "path": "/x.wav",
            "start": 0.0,
            "duration": 3.0,
            "sample_rate": 16_000,
            "sex": [["f", "m"][i // 4 % 2] for i in range(48)],
        }
    )
    left, right = np.triu_indices(48, k=1)
    targets = left // 4 == right // 4
    utterances = pl.Series(names)
    pairs = pl.DataFrame(
        {"enrolment": utterances[left], "test": utterances[right], "target": targets}
    )
    listed = TrialSet.of(Trials(pairs), Manifest(table), Protocol("list"))
    scores = generator.normal(size=targets.size) + 1.5 * targets
    seen = []
    results = conditions_of(
        scores, listed, ["sex", "duration"], replicates=30, progress=lambda *at: seen.append(at)
    )
    across, female, male, middling = results
    assert [each.condition for each in results] == ["across", "both f", "both m", "2–5 s"]
    assert across.equal_error_rate is None
    assert (across.targets, across.nontargets) == (0, 6 * 6 * 16)
    rows = (left // 4 % 2 == 0) & (right // 4 % 2 == 0)
    assert (female.targets, female.nontargets) == (36, 15 * 16)
    assert female.equal_error_rate == equal_error_rate(scores[rows], targets[rows])[0]
    drawn = bootstrap_speakers(
        scores[rows],
        targets[rows],
        listed.enrolment_speakers[rows],
        listed.test_speakers[rows],
        replicates=30,
    )
    assert female.interval == percentile_interval(drawn.equal_error_rate)
    assert male.targets == 36
    assert middling.equal_error_rate == equal_error_rate(scores, targets)[0]
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_without_speakers_there_are_no_intervals() -> None:
    known = trial_set()
    table = known.manifest.table.with_columns(pl.lit(None, pl.String).alias("speaker"))
    unknown = TrialSet.of(known.trials, Manifest(table), known.protocol)
    results = conditions_of(np.arange(7.0), unknown, ["genre"])
    assert [each.interval for each in results] == [None, None, None]
    assert [each.equal_error_rate is None for each in results] == [False, False, True]


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(MetricError, match=r"list has no column 'accent', only utterance, .*genre"):
        list(conditions(trial_set(), ["accent"]))
