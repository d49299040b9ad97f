import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings
from contravox.enrolments import Enrolments
from contravox.evaluation import evaluate, score_trials, write_scores
from contravox.protocol import Protocol
from contravox.trials import Trials, TrialSet, make_trials
from test_manifest import manifest


def test_a_system_that_tells_speakers_apart_and_one_that_does_not(tmp_path):
    corpus = manifest(speakers=8, utterances=4)
    trials = make_trials(corpus)
    trial_set = TrialSet.of(trials, corpus, Protocol("list"))
    names = corpus.table["utterance"].to_list()
    centres = np.repeat(np.eye(8, dtype=np.float32), 4, axis=0)
    noise = np.random.default_rng(0).standard_normal((32, 8)).astype(np.float32)
    good = Embeddings(names, centres + 0.01 * noise)
    bad = Embeddings(names, noise)
    results = [
        evaluate("x", each, trial_set, labels_used=True, parameters=1) for each in (good, bad)
    ]
    assert results[0].equal_error_rate == 0
    assert results[0].interval == (0, 0)
    assert results[0].minimum_detection_cost == 0
    assert 0.3 < results[1].equal_error_rate < 0.7
    low, high = results[1].interval
    assert low < results[1].equal_error_rate < high
    # Each score is the cosine of the two utterances that its trial names.
    write_scores(tmp_path / "s.tsv", trials, results[1].scores)
    row = pl.read_csv(tmp_path / "s.tsv", separator="\t").row(100, named=True)
    a, b = (noise[names.index(row[side])] for side in ("enrolment", "test"))
    assert row["score"] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)


def test_enrolments_of_several_utterances_score_as_their_mean():
    corpus = manifest(speakers=3, utterances=3)
    names = corpus.table["utterance"].to_list()
    vectors = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    rows = [("first", "s0/u0"), ("first", "s0/u1"), ("second", "s1/u0")]
    trial_set = TrialSet.of(
        Trials(
            pl.DataFrame(
                [("second", "s0/u2", False), ("first", "s0/u2", True), ("first", "s2/u2", False)],
                schema=["enrolment", "test", "target"],
                orient="row",
            )
        ),
        corpus,
        Protocol("list"),
        Enrolments(pl.DataFrame(rows, schema=["enrolment", "utterance"], orient="row")),
    )
    scores = score_trials(Embeddings(names, vectors), trial_set)
    units = dict(zip(names, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), strict=True))
    first = (units["s0/u0"] + units["s0/u1"]) / 2
    first /= np.linalg.norm(first)
    expected = [units["s1/u0"] @ units["s0/u2"], first @ units["s0/u2"], first @ units["s2/u2"]]
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    result = evaluate("x", Embeddings(names, vectors), trial_set, labels_used=True, parameters=1)
    assert 0 <= result.interval[0] <= result.interval[1] <= 1
