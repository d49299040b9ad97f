import json

import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings
from contravox.evaluation.evaluation import (
    EvaluationSettings,
    TrainingEmbeddings,
    TrialEmbeddings,
    evaluate_embeddings,
)
from contravox.evaluation.validation import score_trials
from contravox.manifest import Manifest
from contravox.report.folder import write_evaluation
from contravox.scoring.calibration import Calibration
from contravox.trials.enrolments import Enrolments
from contravox.trials.making import make_trials
from contravox.trials.protocol import Protocol
from contravox.trials.scores import write_scores
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials
from manifests import manifest


@pytest.fixture(scope="module")
def corpus():
    return manifest(speakers=8, utterances=4)


@pytest.fixture(scope="module")
def embeddings(corpus):
    """Speakers a little apart."""
    noise = np.random.default_rng(0).standard_normal((32, 8)).astype(np.float32)
    centres = np.repeat(np.eye(8, dtype=np.float32), 4, axis=0)
    return Embeddings(corpus.table["utterance"].to_list(), 0.4 * centres + 0.2 * noise)


def half(corpus, speakers):
    part = corpus.of_speakers(speakers)
    return TrialSet.of(make_trials(part), part, Protocol(f"of {speakers[0]}"))


def test_a_list_without_a_manifest_has_a_whole_report(embeddings, tmp_path):
    names = embeddings.utterances[:8]
    rows = [(one, other, one[:2] == other[:2]) for one in names for other in names if one != other]
    table = pl.DataFrame(rows, schema=["enrolment", "test", "target"], orient="row")
    Trials(table).write(tmp_path / "trials.tsv")
    test = TrialEmbeddings(TrialSet.read_alone(tmp_path), embeddings)
    write_evaluation(evaluate_embeddings("x", test, EvaluationSettings()), tmp_path / "out")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"scores.tsv", "metrics.json", "report.html"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "No manifest says where the recording is." in page


def test_everything_that_a_result_depends_on_is_named(corpus, embeddings, tmp_path):
    trial_set = half(corpus, [f"s{n}" for n in range(8)])
    evaluation = evaluate_embeddings(
        "x", TrialEmbeddings(trial_set, embeddings), EvaluationSettings()
    )
    protocol, result = evaluation.protocol, evaluation.result
    assert protocol["name"] == "of s0"
    assert protocol["targets"] + protocol["non-targets"] == len(result.scores)
    assert (protocol["score"], protocol["normalisation"]) == ("cosine", "none")
    assert protocol["enrolment"] == "one utterance"
    write_evaluation(evaluation, tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text())["protocol"] == protocol
    table = pl.read_csv(tmp_path / "scores.tsv", separator="\t")
    np.testing.assert_allclose(table["score"], result.scores, rtol=1e-6)
    assert "of s0" in (tmp_path / "report.html").read_text()


def test_calibration_is_learned_on_its_own_trials(corpus, embeddings):
    test = TrialEmbeddings(half(corpus, ["s0", "s1", "s2", "s3"]), embeddings)
    other = TrialEmbeddings(half(corpus, ["s4", "s5", "s6", "s7"]), embeddings)
    evaluation = evaluate_embeddings("x", test, EvaluationSettings(), calibration=other)
    scores = score_trials(embeddings, other.trial_set)
    learned = Calibration.learn({"score": scores}, other.trial_set.trials.targets)
    expected = learned.log_likelihood_ratios({"score": evaluation.result.scores})
    np.testing.assert_allclose(evaluation.result.log_likelihood_ratios, expected)
    again = evaluate_embeddings("x", test, EvaluationSettings(), calibration=learned)
    assert again.result.log_likelihood_ratio_cost == evaluation.result.log_likelihood_ratio_cost


def test_training_data_is_named_and_used(corpus, embeddings):
    test = TrialEmbeddings(half(corpus, ["s0", "s1", "s2", "s3"]), embeddings)
    names = [name for name in embeddings.utterances if name[:2] >= "s4"]
    training = TrainingEmbeddings(
        Embeddings(names, embeddings.vectors[embeddings.rows(names)]),
        corpus.speakers_of(names),
        "four speakers",
    )
    normalisation = {"method": "S-norm"}
    settings = EvaluationSettings.model_validate({"scoring": {"normalisation": normalisation}})
    evaluation = evaluate_embeddings("x", test, settings, training=training)
    assert evaluation.protocol["training data"] == "four speakers"
    assert "4 means of speakers" in evaluation.protocol["normalisation"]
    assert not np.allclose(evaluation.result.scores, score_trials(embeddings, test.trial_set))


def test_conditions_are_those_in_which_utterances_differ(corpus, embeddings):
    sexes = pl.when(pl.col("speaker") < "s3").then(pl.lit("F")).otherwise(pl.lit("M"))
    table = corpus.table.with_columns(sex=sexes, language=pl.lit("en"))
    sexed = TrialSet.of(make_trials(corpus), Manifest(table), Protocol("list"))
    test = TrialEmbeddings(sexed, embeddings)
    found = evaluate_embeddings("x", test, EvaluationSettings()).result.conditions
    assert {condition.column for condition in found} == {"sex"}
    both = sum(condition.targets + condition.nontargets for condition in found)
    assert both == len(sexed.trials)
    none = evaluate_embeddings("x", test, EvaluationSettings(conditions=()))
    assert list(none.result.conditions) == []


def test_trials_listed_twice_are_kept_and_counted(corpus, embeddings):
    once = half(corpus, ["s0", "s1"])
    twice = TrialSet.of(
        Trials(pl.concat([once.trials.table, once.trials.table.head(3)])), corpus, once.protocol
    )
    evaluation = evaluate_embeddings("x", TrialEmbeddings(twice, embeddings), EvaluationSettings())
    assert evaluation.protocol["trials listed twice"] == 3
    assert len(evaluation.result.scores) == len(once.trials) + 3


def test_scores_are_of_the_utterances_that_trials_name(corpus, embeddings, tmp_path):
    trials = make_trials(corpus)
    trial_set = TrialSet.of(trials, corpus, Protocol("list"))
    write_scores(tmp_path / "s.tsv", trials, score_trials(embeddings, trial_set))
    row = pl.read_csv(tmp_path / "s.tsv", separator="\t").row(100, named=True)
    a, b = (
        embeddings.vectors[embeddings.utterances.index(row[side])] for side in ("enrolment", "test")
    )
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
