import json
import warnings

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from contravox.errors import OverlapError, ScoringError, TrialsWarning
from contravox.evaluation.fusion import fuse
from contravox.evaluation.given_scores import measure_scores
from contravox.manifest import Manifest
from contravox.trials.making import make_trials
from contravox.trials.protocol import Protocol
from contravox.trials.scores import write_scores
from contravox.trials.trial_set import TrialSet
from manifests import manifest


def trial_set(speakers):
    whole = manifest(speakers=16, utterances=4).of_speakers([f"s{n}" for n in speakers])
    corpus = Manifest(whole.table.with_columns(corpus=pl.lit("vox")))
    return TrialSet.of(make_trials(corpus), corpus, Protocol(f"from s{speakers[0]}"))


@pytest.fixture
def lists():
    return trial_set(range(8)), trial_set(range(8, 16))


@pytest.fixture
def scored(lists, tmp_path):
    """Files of two systems, each right in its own way, for both lists; in another order."""
    generator = np.random.default_rng(0)
    files, columns = [], []
    for number, each in enumerate(lists):
        targets = each.trials.targets
        made = [0.3 * targets + generator.normal(0, 0.2, len(targets)) for _ in range(2)]
        columns.append(np.stack(made, axis=1).astype(np.float32))
        files.append([tmp_path / f"list{number}" / f"system{place}" for place in range(2)])
        for path, scores in zip(files[-1], columns[-1].T, strict=True):
            write_scores(path / "scores.tsv", each.trials, scores)
    return files, columns


def test_weights_are_those_of_logistic_regression_and_the_fusion_is_better(lists, scored):
    files, columns = scored
    evaluation, learned = fuse(files[1], files[0], lists[1], lists[0])
    targets = lists[0].trials.targets
    expected = LogisticRegression(C=1e7, class_weight="balanced", tol=1e-10).fit(
        columns[0], targets
    )
    weights = list(learned.weights.values())
    np.testing.assert_allclose(weights, expected.coef_[0], rtol=1e-3)
    assert learned.offset == pytest.approx(expected.intercept_[0], rel=1e-3)
    ratios = columns[1] @ np.array(weights) + learned.offset
    np.testing.assert_allclose(evaluation.result.scores, ratios, rtol=1e-4, atol=1e-4)
    alone = [fuse([file], [dev], lists[1], lists[0])[0] for dev, file in zip(*files, strict=True)]
    best = min(each.result.equal_error_rate for each in alone)
    assert evaluation.result.equal_error_rate < best
    assert evaluation.result.log_likelihood_ratio_cost < 1
    assert evaluation.protocol["calibration"] == "learned on from s0"


def test_a_fusion_is_measured_by_the_conditions_that_scores_are(lists, scored, tmp_path):
    files, _ = scored
    sex = pl.col("speaker").str.extract(r"(\d+)$").cast(pl.Int64) % 2
    named = [
        TrialSet(
            each.trials,
            Manifest(
                each.manifest.table.with_columns(
                    sex=pl.when(sex == 0).then(pl.lit("f")).otherwise(pl.lit("m"))
                )
            ),
            each.protocol,
        )
        for each in lists
    ]
    fused, _ = fuse(files[1], files[0], named[1], named[0])
    write_scores(tmp_path / "fused.tsv", named[1].trials, fused.result.scores)
    measured = measure_scores(tmp_path / "fused.tsv", named[1])
    found = [(each.column, each.condition) for each in fused.result.conditions]
    assert found == [("sex", "across"), ("sex", "both f"), ("sex", "both m")]
    assert fused.metrics["conditions"] == measured.metrics["conditions"]


def test_what_cannot_be_fused(lists, scored):
    files, _ = scored
    with pytest.raises(ScoringError, match="2 systems to fuse, but scores of 1"):
        fuse(files[1], files[0][:1], lists[1], lists[0])
    with pytest.raises(OverlapError, match="from s0 and from s0: 8 of its 8 speakers"):
        fuse(files[0], files[0], lists[0], lists[0])


def test_systems_in_another_order_are_refused(lists, scored):
    files, _ = scored
    for of_list in files:
        for place, folder in enumerate(of_list):
            protocol = {"model": f"model{place}", "score": "cosine", "speakers": len(str(folder))}
            (folder / "metrics.json").write_text(json.dumps({"protocol": protocol}))
    fuse(files[1], files[0], lists[1], lists[0])
    with pytest.raises(ScoringError, match=r"system1: scores of the system of .* the same order$"):
        fuse(files[1], files[0][::-1], lists[1], lists[0])
    with pytest.warns(TrialsWarning, match=r"system1: model is model1, but model0 in .*system0: "):
        fuse(files[1][:1], files[0][1:], lists[1], lists[0])


def noted(folder, **protocol):
    (folder / "metrics.json").write_text(json.dumps({"protocol": protocol}))


def test_other_trials_have_other_embeddings_and_nothing_is_said_of_it(lists, scored):
    files, _ = scored
    for of_list, name in zip(files, ("validation", "test"), strict=True):
        for place, folder in enumerate(of_list):
            noted(folder, embeddings=f"{place}_{name}.npz", score="cosine")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fuse(files[1], files[0], lists[1], lists[0])
    # What else tells them apart is said, and the same files in another order are refused.
    noted(files[0][1], embeddings="1_validation.npz", score="cosine after whitening")
    with pytest.warns(TrialsWarning, match="score is cosine after whitening, but cosine in"):
        fuse(files[1], files[0], lists[1], lists[0])
    for of_list in files:
        for place, folder in enumerate(of_list):
            noted(folder, embeddings=f"{place}.npz", score="cosine")
    with pytest.raises(ScoringError, match=r"the same order$"):
        fuse(files[1], files[0][::-1], lists[1], lists[0])


def test_measured_files_of_other_trials_are_no_other_systems(lists, scored):
    files, _ = scored
    for of_list, trials in zip(files, lists, strict=True):
        for folder in of_list:
            noted(folder, **measure_scores(folder, trials).protocol)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fuse(files[1], files[0], lists[1], lists[0])
    measured = measure_scores(files[0][0], lists[0]).protocol
    assert measured["file of scores"] == str(files[0][0] / "scores.tsv")


def test_lists_that_share_recordings_are_refused_without_digests(lists, scored):
    files, _ = scored
    nameless = [
        TrialSet(each.trials, Manifest(each.manifest.table.drop("corpus")), each.protocol)
        for each in lists
    ]
    with pytest.raises(OverlapError, match="32 of its 32 recordings are in both"):
        fuse(files[0], files[0], nameless[0], nameless[0])
