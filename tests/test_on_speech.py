"""What only real speech can show: that people never heard before are told apart."""

import numpy as np
import pytest

from contravox.audio.waveform import check_speech, read_audio
from contravox.corpora.folder import folder_recordings
from contravox.corpora.preparation import prepare_corpus
from contravox.corpora.scan import scan_recordings
from contravox.corpora.shards import shard_manifest
from contravox.demo.demo import run_demo
from contravox.evaluation.evaluation import EvaluationSettings
from contravox.evaluation.model_evaluation import ModelEvaluation
from contravox.trials.trial_set import TrialSet

pytestmark = pytest.mark.speech


@pytest.mark.parametrize("corpus", ["an4", "librispeech", "speech_commands", "arabic_commands"])
def test_every_recording_is_found_and_its_samples_can_be_trusted(speech, corpus):
    prepared = scan_recordings(folder_recordings(speech / corpus))
    assert not prepared.skipped
    rows = prepared.manifest.table.sample(20, seed=0)
    for path, seconds in rows.select("path", "duration").rows():
        waveform = read_audio(path)
        assert len(waveform) / 16_000 == pytest.approx(seconds, abs=1e-3)
        check_speech(waveform, path)


def test_an4_holds_what_its_release_says(speech, tmp_path):
    counts = prepare_corpus("folder", speech / "an4", tmp_path, split=True)
    assert counts["corpus"]["speakers"] == 84
    assert counts["corpus"]["utterances"] == 1078
    parts = [counts[part]["speakers"] for part in ("train", "validation", "test")]
    assert sum(parts) == 84


@pytest.fixture(scope="module")
def demo(speech, tmp_path_factory):
    """The demo on AN4, with a third of its training: its table, and the folder of its systems."""
    folder = tmp_path_factory.mktemp("demo")
    table = run_demo(speech / "an4", folder, epochs=6)
    return table, folder / "an4-seed0"


def test_the_systems_of_the_demo_beat_untrained_features(demo):
    """A third of the demo's training is enough for the supervised ones."""
    (untrained, *systems), _ = demo
    assert 0.2 < untrained["equal_error_rate"] < 0.4
    rates = [each["equal_error_rate"] for each in systems if each["labels_used"]]
    assert len(rates) == 4
    assert max(rates) < untrained["equal_error_rate"] - 0.05
    assert np.mean(rates) < 0.2


def test_calibration_holds_for_people_it_was_not_learned_on(demo):
    _, folder = demo
    test, validation = (TrialSet.read(folder / "corpus" / name) for name in ("test", "validation"))
    evaluation = ModelEvaluation(folder / "mfcon" / "model.safetensors")
    result = evaluation.evaluate(test, EvaluationSettings(), calibration=validation).result
    # In bits: 1 is what says nothing. How far above the best one could do is for calibration.
    assert result.log_likelihood_ratio_cost < 0.7
    lost = result.log_likelihood_ratio_cost - result.minimum_log_likelihood_ratio_cost
    assert 0 <= lost < 0.15


def test_shards_score_as_files_do(demo, tmp_path):
    _, folder = demo
    test = TrialSet.read(folder / "corpus" / "test")
    shard_manifest(test.manifest, tmp_path)
    sharded = TrialSet.read(folder / "corpus" / "test" / "trials.tsv", tmp_path / "manifest.tsv")
    evaluation = ModelEvaluation(folder / "mfcon" / "model.safetensors")
    settings = EvaluationSettings(conditions=())
    one, other = (evaluation.evaluate(each, settings).result for each in (test, sharded))
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
