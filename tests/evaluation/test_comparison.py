import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contravox.errors import MetricError, TrialsError
from contravox.evaluation.comparison import compare
from contravox.manifest import Manifest
from contravox.metrics.paired_bootstrap import paired_bootstrap
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials
from hostile import BEARABLE


@pytest.fixture
def trial_set(tmp_path: Path) -> TrialSet:
    """8 speakers × 3 utterances, every pair, the first three trials once more."""
    names = [f"s{speaker} u{i}" for speaker in range(8) for i in range(3)]
    table = pl.DataFrame({"utterance": names}).with_columns(
        speaker=pl.col("utterance").str.split(" ").list.first(),
        session=pl.lit(None, pl.String),
        path=pl.format("/{}.wav", "utterance"),
        start=0.0,
        duration=3.0,
        sample_rate=16_000,
    )
    left, right = np.triu_indices(24, k=1)
    utterances = pl.Series(names)
    pairs = pl.DataFrame(
        {
            "enrolment": utterances[left],
            "test": utterances[right],
            "target": left // 3 == right // 3,
        }
    )
    made = TrialSet.of(Trials(pl.concat([pairs, pairs[:3]])), Manifest(table), Protocol("list"))
    made.write(tmp_path / "list")
    return made


def scores_of(trial_set: TrialSet, seed: int) -> np.ndarray:
    """Scores of a middling system; a trial that is listed again scores otherwise."""
    targets = trial_set.trials.targets
    return np.round(np.random.default_rng(seed).normal(size=targets.size) + 1.5 * targets, 4)


def write(
    folder: Path, trial_set: TrialSet, scores: np.ndarray, order: np.ndarray | None = None
) -> Path:
    """As ``contravox evaluate`` writes scores, in any order."""
    table = trial_set.trials.table.with_columns(
        pl.col("target").cast(pl.Int8), pl.Series("score", scores)
    )
    folder.mkdir(exist_ok=True)
    table = table if order is None else table[order]
    table.write_csv(folder / "scores.tsv", separator="\t")
    return folder


def test_systems_are_compared_on_the_same_trials_whatever_their_order(
    trial_set: TrialSet, tmp_path: Path
) -> None:
    scores = [scores_of(trial_set, seed) for seed in (1, 2)]
    count = len(scores[0])
    # The trials that are listed twice keep their order among themselves, as nothing else tells
    # them apart.
    order = np.concatenate(
        [np.random.default_rng(0).permutation(count - 3), count - 3 + np.arange(3)]
    )
    first = write(tmp_path / "a", trial_set, scores[0])
    second = write(tmp_path / "b", trial_set, scores[1], order)
    found = compare(first, second / "scores.tsv", tmp_path / "list", replicates=30)
    expected = paired_bootstrap(
        *scores,
        trial_set.trials.targets,
        trial_set.enrolment_speakers,
        trial_set.test_speakers,
        p_targets=(0.01, 0.05),
        replicates=30,
    )
    assert found.differences == expected
    assert (found.trials, found.duplicates, found.speakers) == (count, 3, 8)
    assert found.protocol_differences == []
    written = json.loads(json.dumps(found.to_dict()))
    assert written["trial_list"] == "list"
    assert [each["p_target"] for each in written["differences"]] == [None, 0.01, 0.05]
    assert written["differences"][0]["significant"] == expected[0].significant


def test_protocols_that_differ_are_named(trial_set: TrialSet, tmp_path: Path) -> None:
    folders = [write(tmp_path / name, trial_set, scores_of(trial_set, 0)) for name in "ab"]
    protocols = (
        {"model": "a", "name": "list", "score": "cosine", "training data": None, "crops": "whole"},
        {"embeddings": "b", "name": "list", "score": "AS-norm", "training data": "dev", "top": 9},
    )
    for folder, protocol in zip(folders, protocols, strict=True):
        (folder / "metrics.json").write_text(json.dumps({"protocol": protocol}))
    found = compare(*folders, tmp_path / "list", replicates=2)
    assert found.protocol_differences == [
        ("score", "cosine", "AS-norm"),
        ("training data", "none", "dev"),
    ]
    assert (found.told_of_first, found.told_of_second) == (["crops"], ["top"])
    # Of scores that come without a protocol nothing is known to differ.
    (folders[1] / "metrics.json").write_text("[]")
    found = compare(*folders, tmp_path / "list", replicates=2)
    assert found.protocol_differences == found.told_of_first == found.told_of_second == []


@pytest.mark.parametrize("damaged", [b"", b'{"protocol": {"score": ', b"\xff", b"[" * 100_000])
def test_a_damaged_protocol_is_not_taken_for_none(trial_set, tmp_path, damaged) -> None:
    folders = [write(tmp_path / name, trial_set, scores_of(trial_set, 0)) for name in "ab"]
    (folders[1] / "metrics.json").write_bytes(damaged)
    with pytest.raises(TrialsError, match=r"metrics\.json: is damaged") as raised:
        compare(*folders, tmp_path / "list", replicates=2)
    assert len(str(raised.value).replace(str(tmp_path), "")) < BEARABLE


def test_lists_that_differ_are_counted(trial_set: TrialSet, tmp_path: Path) -> None:
    scores = scores_of(trial_set, 1)
    whole = write(tmp_path / "a", trial_set, scores)
    # Without four trials, one of them listed twice, and with one that is not in the list.
    lines = (whole / "scores.tsv").read_text().splitlines()
    other = tmp_path / "other.tsv"
    other.write_text("\n".join([lines[0], *lines[5:], "s0 u0\ts9 u9\t0\t0.1"]))
    message = (
        r"other\.tsv: has no score for 4 of the 279 trials of list, and 1 scores of trials that "
        "are not in it"
    )
    with pytest.raises(TrialsError, match=message):
        compare(whole, other, tmp_path / "list", replicates=2)
    # A trial that is listed twice has two scores.
    other.write_text("\n".join(lines[:-1]))
    with pytest.raises(TrialsError, match="no score for 1 of the 279 trials of list, and 0 scores"):
        compare(other, whole, tmp_path / "list", replicates=2)
    other.write_text("\n".join([*lines, lines[-1]]))
    with pytest.raises(TrialsError, match="no score for 0 of the 279 trials of list, and 1 scores"):
        compare(other, whole, tmp_path / "list", replicates=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("score", "points"), r"has no column 'score', only enrolment"),
        (lambda text: text.replace("\t1\t", "\tmaybe\t", 1), r"row 2: s0 u0 s0 u1 maybe .* is not"),
        (lambda text: text.rsplit("\t", 1)[0] + "\tnan\n", r"row 280: .* nan is not a trial with"),
        (lambda text: text.rsplit("\t", 1)[0] + "\t-inf\n", r"row 280: .* -inf is not a trial"),
        (lambda text: text.rsplit("\t", 1)[0] + "\t\n", r"row 280: .* is not a trial with"),
        (lambda text: "", "is empty"),
    ],
)
def test_damaged_scores_are_named(
    trial_set: TrialSet, tmp_path: Path, change: object, message: str
) -> None:
    folder = write(tmp_path / "a", trial_set, scores_of(trial_set, 1))
    bad = tmp_path / "bad.tsv"
    bad.write_text(change((folder / "scores.tsv").read_text()))
    with pytest.raises(TrialsError, match=rf"bad\.tsv: {message}"):
        compare(folder, bad, tmp_path / "list")
    with pytest.raises(TrialsError, match=r"nowhere: no such file of scores: `contravox evaluate"):
        compare(folder, tmp_path / "nowhere", tmp_path / "list")


def test_one_kind_of_trial_is_refused(trial_set: TrialSet, tmp_path: Path) -> None:
    rows = trial_set.trials.table["target"]
    targets_only = TrialSet.of(
        Trials(trial_set.trials.table.filter(rows)), trial_set.manifest, Protocol("targets")
    )
    targets_only.write(tmp_path / "targets")
    folder = write(tmp_path / "a", targets_only, np.arange(float(rows.sum())))
    with pytest.raises(MetricError, match="only target trials"):
        compare(folder, folder, tmp_path / "targets")
