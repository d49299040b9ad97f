"""``contravox compare`` as a user types it."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of 6 speakers, and the scores of three systems: good, much worse, and the same."""
    names = [f"s{speaker}/{i}" for speaker in range(6) for i in range(5)]
    table = pl.DataFrame({"utterance": names}).with_columns(
        speaker=pl.col("utterance").str.head(2),
        path=pl.format("/{}.wav", "utterance"),
        duration=3.0,
    )
    table.write_csv(tmp_path / "manifest.tsv", separator="\t")
    left, right = np.triu_indices(30, k=1)
    targets = left // 5 == right // 5
    utterances = pl.Series(names)
    trials = pl.DataFrame(
        {"enrolment": utterances[left], "test": utterances[right], "target": targets.astype(int)}
    )
    trials.write_csv(tmp_path / "trials.tsv", separator="\t")
    noise = np.random.default_rng(0).normal(size=targets.size)
    for name, distance in (("good", 3.0), ("bad", 0.5), ("same", 3.0)):
        scores = noise + distance * targets
        (tmp_path / name).mkdir()
        trials.with_columns(pl.Series("score", scores)).write_csv(
            tmp_path / name / "scores.tsv", separator="\t"
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def compare(work, run):
    """Run the command; give its status, its output and its errors."""
    return partial(run, "compare")


def test_a_difference_is_told_in_words_and_numbers(compare) -> None:
    status, text, errors = compare("good", "bad/scores.tsv", "--trials", ".")
    assert (status, errors) == (0, "")
    assert "trials.tsv: 435 trials, 6 speakers" in text
    verdicts = [line for line in text.splitlines() if "B is higher than A by" in line]
    assert len(verdicts) == 3
    assert verdicts[0].startswith("EER (%): ")
    assert verdicts[0].endswith(": significant")


def test_numbers_for_programs(compare) -> None:
    arguments = ("good", "bad", "--trials", "trials.tsv", "--p-target", "0.1", "--json")
    status, text, _ = compare(*arguments)
    result = json.loads(text)
    rate, cost = result["differences"]
    assert status == 0
    assert rate["difference"] == rate["second"] - rate["first"] > 0
    assert cost["p_target"] == 0.1
    assert rate["p_value"] == pytest.approx(2 / 1001)


def test_the_same_scores_are_the_same(compare) -> None:
    _, text, _ = compare("good", "same", "--trials", ".", "--replicates", "20")
    assert "EER (%): the same\n" in text


def test_unlike_protocols_and_repeated_trials_are_said(compare, work) -> None:
    for name, score in (("good", "cosine"), ("same", "AS-norm")):
        (work / name / "metrics.json").write_text(json.dumps({"protocol": {"score": score}}))
    for path in (work / "trials.tsv", *work.glob("*/scores.tsv")):
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines, lines[1]]))
    _, text, errors = compare("good", "same", "--trials", ".", "--replicates", "20")
    assert errors == "warning: the protocols differ: score is cosine for A, AS-norm for B\n"
    assert "436 trials, 1 of them listed before, 6 speakers" in text


def test_what_only_one_protocol_tells_is_said_once(compare, work) -> None:
    protocols = {
        "good": {"model": "a", "embedding": "whole utterance", "score": "cosine", "crops": None},
        "same": {"embeddings": "b.npz", "score": "cosine", "calibration": "none"},
    }
    for name, protocol in protocols.items():
        (work / name / "metrics.json").write_text(json.dumps({"protocol": protocol}))
    arguments = ("--trials", ".", "--replicates", "20", "--json")
    _, text, errors = compare("good", "same", *arguments)
    assert errors == (
        "warning: the protocols tell embedding, crops of A and calibration of B alone: whether the "
        "other differs in that is not known\n"
    )
    result = json.loads(text)
    assert (result["told_of_first"], result["told_of_second"]) == (
        ["embedding", "crops"],
        ["calibration"],
    )


def test_scores_of_other_trials_are_one_line(compare, work) -> None:
    lines = (work / "same" / "scores.tsv").read_text().splitlines()
    (work / "same" / "scores.tsv").write_text("\n".join(lines[:-2]))
    status, text, errors = compare("good", "same", "--trials", ".")
    assert (status, text) == (2, "")
    [line] = errors.splitlines()
    assert "no score for 2 of the 435 trials" in line


def test_a_prior_out_of_range_is_refused(compare) -> None:
    status, _, errors = compare("good", "bad", "--trials", ".", "--p-target", "1")
    assert status == 2
    assert "--p-target': p_target must be between 0 and 1, got 1" in errors
