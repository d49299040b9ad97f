import warnings

import numpy as np
import polars as pl
import pytest
import torch

from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.errors import AudioError, OverlapError, OverlapWarning, ScoringError
from contravox.evaluation.augmented_copies import AugmentedCopies
from contravox.evaluation.evaluation import EvaluationSettings
from contravox.evaluation.model_evaluation import ModelEvaluation
from contravox.evaluation.validation import score_trials
from contravox.features import FeatureSettings
from contravox.inference.default_model import DEFAULT_MODEL
from contravox.inference.embed import Crops, embed_manifest
from contravox.manifest import Manifest
from contravox.model import Model, ModelSettings
from contravox.scoring.calibration import Calibration
from contravox.trained_on import recording_digests, speaker_digests, write_recordings
from contravox.trials.trial_set import TrialSet


@pytest.fixture
def path(tmp_path):
    torch.manual_seed(0)
    encoder = EcapaTdnnSettings(channels=16, aggregation=24, bottleneck=8, embedding_size=6)
    Model(ModelSettings(features=FeatureSettings(bins=20), encoder=encoder)).save(
        tmp_path / "run" / "model.safetensors"
    )
    return tmp_path / "run" / "model.safetensors"


def test_whole_utterances_and_the_plain_cosine(corpus, path):
    trials = TrialSet.read(corpus / "test")
    evaluation = ModelEvaluation(path).evaluate(trials, EvaluationSettings())
    expected = score_trials(embed_manifest(Model.load(path), trials.manifest), trials)
    np.testing.assert_allclose(evaluation.result.scores, expected, atol=1e-5)
    assert evaluation.result.name == "run"
    assert evaluation.protocol["embedding"] == "whole utterance"
    assert evaluation.protocol["calibration"] == "none"


def test_a_model_that_compares_by_distance_is_evaluated_and_calibrated_by_it(corpus, path):
    model = Model.load(path)
    model.annotate(comparison="Euclidean distance")
    model.save(path)
    trials = TrialSet.read(corpus / "test")
    evaluation = ModelEvaluation(path).evaluate(trials, EvaluationSettings())
    held = embed_manifest(model, trials.manifest)
    one, other = (held.vectors[held.rows(trials.trials.table[s])] for s in ("enrolment", "test"))
    distances = np.sum((one - other).astype(np.float64) ** 2, axis=1)
    np.testing.assert_allclose(evaluation.result.scores, -distances, rtol=1e-3, atol=1e-5)
    assert evaluation.protocol["score"] == "minus the squared Euclidean distance"
    assert evaluation.protocol["enrolment"] == "one utterance"
    learned = ModelEvaluation(path).calibrate(TrialSet.read(corpus / "validation"))
    validation = TrialSet.read(corpus / "validation")
    vectors = embed_manifest(model, validation.manifest)
    scores = score_trials(vectors, validation, "Euclidean distance")
    expected = Calibration.learn({"score": scores}, validation.trials.targets)
    assert learned.weights == pytest.approx(expected.weights, rel=1e-3)


def test_crops_are_named_and_their_cosines_averaged(corpus, path):
    trials, crops = TrialSet.read(corpus / "test"), Crops(3, 0.5)
    evaluation = ModelEvaluation(path, crops=crops).evaluate(trials, EvaluationSettings())
    assert evaluation.protocol["embedding"] == "3 crops of 0.5 s"
    vectors = embed_manifest(Model.load(path), trials.manifest, crops=crops)
    table = trials.trials.table
    one, other = (vectors.vectors[vectors.rows(table[side])] for side in ("enrolment", "test"))
    expected = np.einsum("kd,kd->k", one, other)
    np.testing.assert_allclose(evaluation.result.scores, expected, atol=1e-5)


@pytest.mark.parametrize("quality", ["duration", "bandwidth"])
def test_a_calibrated_model_gives_log_likelihood_ratios(corpus, path, quality):
    validation, test = TrialSet.read(corpus / "validation"), TrialSet.read(corpus / "test")
    calibrating = ModelEvaluation(path)
    learned = calibrating.calibrate(validation, [quality])
    columns = {
        "duration": {"log duration"},
        "bandwidth": {"lower bandwidth", "higher bandwidth"},
    }
    assert set(learned.weights) == {"score"} | columns[quality]
    calibrating.model.save(path)
    assert Model.load(path).settings.calibration == learned
    own = ModelEvaluation(path).evaluate(test, EvaluationSettings())
    on_trials = ModelEvaluation(path).evaluate(
        test, EvaluationSettings(quality=(quality,)), calibration=validation
    )
    np.testing.assert_allclose(
        own.result.log_likelihood_ratios, on_trials.result.log_likelihood_ratios, atol=1e-4
    )
    assert own.protocol["calibration"] == f"learned on {validation.name}"
    # Scores of crops, and normalised ones, are others than those it was learned on.
    crops = ModelEvaluation(path, crops=Crops(2, 0.5)).evaluate(test, EvaluationSettings())
    assert crops.result.log_likelihood_ratios is None
    settings = EvaluationSettings.model_validate(
        {"scoring": {"normalisation": {"method": "S-norm"}}}
    )
    normalised = ModelEvaluation(path).evaluate(
        test, settings, training=corpus / "train" / "manifest.tsv"
    )
    assert normalised.result.log_likelihood_ratios is None


def test_what_was_trained_on_is_refused(corpus, path):
    test, validation = TrialSet.read(corpus / "test"), TrialSet.read(corpus / "validation")
    model = Model.load(path)
    model.annotate(trained_on=tuple(sorted(speaker_digests(test.manifest))))
    model.save(path)
    with pytest.raises(OverlapError, match=r"2 of its 2 speakers .* --allow-overlap"):
        ModelEvaluation(path).evaluate(test, EvaluationSettings())
    ModelEvaluation(path).evaluate(validation, EvaluationSettings())
    ModelEvaluation(path, allow_overlap=True).evaluate(test, EvaluationSettings())
    write_recordings(path.parent, recording_digests(validation.manifest))
    with pytest.raises(OverlapError, match="recordings were trained on"):
        ModelEvaluation(path).evaluate(validation, EvaluationSettings())
    # A cohort must not know the test either, nor the trials of calibration.
    (path.parent / "trained_on.txt").unlink()
    validation.manifest.write(path.parent / "cohort.tsv")
    with pytest.raises(OverlapError, match="and --training"):
        ModelEvaluation(path).evaluate(
            validation, EvaluationSettings(), training=path.parent / "cohort.tsv"
        )
    with pytest.raises(OverlapError, match="and --calibrate-on"):
        ModelEvaluation(path).evaluate(validation, EvaluationSettings(), calibration=validation)


def test_unreadable_recordings_are_refused_or_left_out_and_counted(corpus, path, tmp_path):
    trials = TrialSet.read(corpus / "test")
    lost = trials.manifest.table["utterance"][3]
    table = trials.manifest.table.with_columns(
        path=pl.when(pl.col("utterance") == lost).then(pl.lit("/gone.wav")).otherwise("path"),
        digest=pl.lit(None, dtype=pl.String),
    )
    broken = TrialSet.of(trials.trials, Manifest(table), trials.protocol)
    with pytest.raises(AudioError, match=r"1 of 10 .* /gone\.wav: no such file.*--drop-unreadable"):
        ModelEvaluation(path).evaluate(broken, EvaluationSettings())
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        evaluation = ModelEvaluation(path, cache=cache, drop_unreadable=True).evaluate(
            broken, EvaluationSettings()
        )
        naming = trials.trials.table.filter(
            (pl.col("enrolment") == lost) | (pl.col("test") == lost)
        )
        assert evaluation.protocol["trials dropped"] == len(naming) > 0
        assert len(evaluation.result.scores) == len(trials.trials) - len(naming)


def test_copies_are_learned_from_beside_the_recordings(corpus, path):
    validation, copies = TrialSet.read(corpus / "validation"), AugmentedCopies(2)
    evaluation = ModelEvaluation(path)
    learned = evaluation.calibrate(validation, ["duration"], copies)
    settings = evaluation.model.settings
    assert settings.calibration == learned
    source = f"{validation.name}, with 2 augmented copies of each recording"
    assert settings.calibration_source == source
    more = copies.add_to(evaluation.embed(validation), evaluation.model)
    table, vectors = more.trial_set.trials.table, more.embeddings
    sides = [vectors.rows(table[side]) for side in ("enrolment", "test")]
    units = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    scores = np.sum(units[sides[0]].astype(float) * units[sides[1]], axis=1)
    held = more.trial_set.manifest.table
    seconds = dict(held.select("utterance", "duration").rows())
    inverses = [[1 / seconds[name] for name in table[side]] for side in ("enrolment", "test")]
    expected = Calibration.learn(
        {"score": scores, "log duration": np.log(2 / np.sum(inverses, axis=0))},
        more.trial_set.trials.targets,
    )
    assert learned.weights == pytest.approx(expected.weights, rel=1e-2, abs=1e-2)
    assert learned.offset == pytest.approx(expected.offset, rel=1e-2, abs=1e-2)


def test_cohort_quality_needs_a_cohort(corpus, path):
    with pytest.raises(ScoringError, match="normalise them"):
        ModelEvaluation(path).calibrate(TrialSet.read(corpus / "test"), ["cohort"])


def test_who_a_model_was_calibrated_on_is_refused(corpus, path):
    validation, test = TrialSet.read(corpus / "validation"), TrialSet.read(corpus / "test")
    evaluation = ModelEvaluation(path)
    evaluation.calibrate(validation)
    evaluation.model.save(path)
    with pytest.raises(OverlapError, match=r"2 of its 2 speakers .* calibrated on"):
        ModelEvaluation(path).evaluate(validation, EvaluationSettings())
    ModelEvaluation(path, allow_overlap=True).evaluate(validation, EvaluationSettings())
    calibrated = ModelEvaluation(path).evaluate(test, EvaluationSettings()).result
    assert calibrated.log_likelihood_ratios is not None
    # Where its calibration says nothing, those it is of do not matter.
    ModelEvaluation(path, crops=Crops(2, 0.5)).evaluate(validation, EvaluationSettings())


def test_a_calibration_that_knows_nobody_is_told(corpus, path):
    test = TrialSet.read(corpus / "test")
    model = Model.load(path)
    model.annotate(calibration=Calibration(offset=0.0, weights={"score": 1.0}))
    model.save(path)
    with pytest.warns(OverlapWarning, match="not known whether its speakers are those that"):
        evaluated = ModelEvaluation(path).evaluate(test, EvaluationSettings())
    assert evaluated.protocol["calibration"] == "learned on unnamed trials"
    with warnings.catch_warnings():
        warnings.simplefilter("error", OverlapWarning)
        ModelEvaluation(path, allow_overlap=True).evaluate(test, EvaluationSettings())


def test_a_model_is_called_by_its_file_or_as_training_calls_all_by_its_folder(corpus, path):
    test = TrialSet.read(corpus / "test")
    other = path.parent / "other.safetensors"
    for name, file in ((path.parent.name, path), ("other", other)):
        Model.load(path).save(file)
        evaluated = ModelEvaluation(file).evaluate(test, EvaluationSettings())
        assert evaluated.result.name == name
    assert ModelEvaluation(DEFAULT_MODEL)._name() == "default"
