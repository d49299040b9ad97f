import copy

import numpy as np
import pytest
import soundfile

from contravox.audio.speech_activity import only_speech
from contravox.audio.waveform import read_audio
from contravox.augmentation.codecs import through_codec
from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.errors import AudioError, ScoringError
from contravox.inference.deciding import Prior
from contravox.inference.verifier import Verifier
from contravox.model import Model, ModelSettings
from contravox.scoring.calibration import Calibration
from tones import spoken


@pytest.fixture
def verifier():
    encoder = EcapaTdnnSettings(channels=16, aggregation=24, bottleneck=8, embedding_size=6)
    return Verifier(Model(ModelSettings(encoder=encoder)).eval())


@pytest.fixture
def recordings(tmp_path):
    paths = []
    for pitch in (100, 180):
        paths.append(tmp_path / f"{pitch}.wav")
        soundfile.write(paths[-1], spoken(0.6, pitch), 16_000)
    return paths


def test_the_score_is_the_cosine_of_the_embeddings(verifier, recordings):
    waveforms = [soundfile.read(path, dtype="float32")[0] for path in recordings]
    first, second = (verifier.model.embed([waveform])[0] for waveform in waveforms)
    expected = first @ second / np.sqrt((first @ first) * (second @ second))
    assert verifier.verify(*recordings).score == pytest.approx(expected, abs=1e-6)
    assert verifier.verify(recordings[0], recordings[0]).score == pytest.approx(1.0)


def test_the_score_of_a_model_that_compares_by_distance(verifier, recordings):
    waveforms = [soundfile.read(path, dtype="float32")[0] for path in recordings]
    first, second = (verifier.model.embed([waveform])[0] for waveform in waveforms)
    verifier.model.annotate(comparison="Euclidean distance")
    expected = -np.sum((first - second) ** 2)
    assert verifier.verify(*recordings).score == pytest.approx(expected, rel=1e-5)
    assert verifier.verify(recordings[0], recordings[0]).score == pytest.approx(0)


def test_the_threshold_decides_and_without_one_nobody_does(verifier, recordings):
    undecided = verifier.verify(*recordings)
    assert (undecided.threshold, undecided.same_speaker) == (None, None)
    score = undecided.score
    assert verifier.verify(*recordings, threshold=score).same_speaker is True
    assert verifier.verify(*recordings, threshold=np.nextafter(score, 2)).same_speaker is False
    verifier.model.annotate(threshold=score - 0.1)
    assert verifier.verify(*recordings).same_speaker is True
    assert "same speaker" in str(verifier.verify(*recordings))


def test_silence_never_has_a_score(verifier, recordings, tmp_path):
    soundfile.write(tmp_path / "quiet.wav", np.zeros(16_000), 16_000)
    with pytest.raises(AudioError, match="silent"):
        verifier.verify(recordings[0], tmp_path / "quiet.wav")


def test_a_calibrated_model_gives_a_probability_and_decides_by_prior_and_costs(
    verifier, recordings
):
    seconds = [soundfile.info(path).duration for path in recordings]
    score = verifier.verify(*recordings).score
    weights = {"score": 3.0, "log duration": 0.5}
    verifier.model.annotate(calibration=Calibration(offset=0.2, weights=weights))
    mean = 2 / sum(1 / each for each in seconds)
    ratio = float(0.2 + 3 * score + 0.5 * np.log(mean))
    even = verifier.verify(*recordings)
    assert even.log_likelihood_ratio == pytest.approx(ratio, abs=1e-5)
    assert even.probability == pytest.approx(1 / (1 + np.exp(-ratio)), abs=1e-5)
    assert even.same_speaker is (ratio >= 0)
    rare = verifier.verify(*recordings, prior=Prior(p_target=0.01))
    odds = np.exp(ratio) * 0.01 / 0.99
    assert rare.probability == pytest.approx(odds / (1 + odds), rel=1e-4)
    # Accepted from where the expected costs of both errors are equal.
    even_cost = float(np.exp(-ratio))
    for c_miss, accepted in ((1.01 * even_cost, True), (0.99 * even_cost, False)):
        assert verifier.verify(*recordings, prior=Prior(0.5, c_miss)).same_speaker is accepted
    assert "at a prior of 0.01" in str(rare)
    assert verifier.verify(*recordings, threshold=score + 0.01).same_speaker is False


def test_a_calibration_may_look_at_bandwidths(verifier, recordings, tmp_path):
    waveform, _ = soundfile.read(recordings[1], dtype="float32")
    narrow = tmp_path / "telephone.wav"
    soundfile.write(narrow, through_codec(waveform, "mu_law"), 16_000)
    weights = {"score": 1.0, "lower bandwidth": 0.5, "higher bandwidth": -0.25}
    verifier.model.annotate(calibration=Calibration(offset=0.0, weights=weights))
    found = verifier.verify(recordings[0], narrow)
    wide, low = (quality.bandwidth / 1000 for _, quality in found.recordings)
    assert low < 4.1 < 5 < wide
    expected = found.score + 0.5 * low - 0.25 * wide
    assert found.log_likelihood_ratio == pytest.approx(expected, abs=1e-5)


def test_a_prior_needs_a_calibrated_model_and_sense(verifier, recordings):
    with pytest.raises(ScoringError, match="contravox calibrate"):
        verifier.verify(*recordings, prior=Prior())
    for wrong in ((0, 1, 1), (1, 1, 1), (0.5, 0, 1), (0.5, 1, -1)):
        with pytest.raises(ScoringError, match=r"between 0 and 1|above 0"):
            Prior(*wrong)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_recording_without_a_finite_embedding_is_named(verifier, recordings, value):
    model = copy.deepcopy(verifier.model)
    for parameter in list(model.encoder.parameters())[-2:]:
        parameter.data.fill_(value)
    with pytest.raises(AudioError, match=f"^{recordings[0]}: .* zero or not finite"):
        Verifier(model).verify(*recordings[:2])


def test_what_decided_and_what_speaks_against_it_is_told(verifier, recordings, tmp_path):
    undecided = verifier.verify(*recordings)
    assert undecided.decided_by is None
    assert [doubt.code for doubt in undecided.warnings] == ["little_speech"] * 2
    assert [doubt.recording for doubt in undecided.warnings] == list(map(str, recordings))
    assert verifier.verify(*recordings, threshold=0.1).decided_by == "the threshold given"
    verifier.model.annotate(threshold=0.5, threshold_source="list A")
    assert verifier.verify(*recordings).decided_by == "the threshold set on list A"
    calibration = Calibration(offset=0.0, weights={"score": 1.0})
    verifier.model.annotate(calibration=calibration, calibration_source="list B")
    told = verifier.verify(*recordings).to_dict()
    assert told["decided_by"] == "calibration learned on list B"
    assert told["recordings"][0]["seconds"] == 0.6
    assert set(told["warnings"][1]) == {"code", "recording", "message"}


def test_silence_around_speech_changes_nothing_where_only_speech_is_embedded(
    verifier, recordings, tmp_path
):
    waveform = soundfile.read(recordings[0], dtype="float32")[0]
    silence = np.zeros(160_000, np.float32)
    soundfile.write(tmp_path / "padded.wav", np.concatenate([silence, waveform, silence]), 16_000)
    pair = recordings[1], tmp_path / "padded.wav"
    cut = only_speech(np.concatenate([silence, waveform, silence]))
    soundfile.write(tmp_path / "cut.wav", cut, 16_000)
    expected = verifier.verify(recordings[1], tmp_path / "cut.wav").score
    verifier.model.annotate(speech_only=True)
    soundfile.write(recordings[1], only_speech(read_audio(recordings[1])), 16_000)
    assert verifier.verify(*pair).score == pytest.approx(expected, abs=0.02)


def test_recordings_without_speech_are_compared_only_where_it_is_allowed(
    verifier, recordings, tmp_path
):
    noise = 0.05 * np.random.default_rng(0).standard_normal(16_000)
    soundfile.write(tmp_path / "noise.wav", noise, 16_000)
    with pytest.raises(AudioError, match=r"noise.wav: no speech found .* --allow-unfit"):
        verifier.verify(recordings[0], tmp_path / "noise.wav")
    allowed = verifier.verify(recordings[0], tmp_path / "noise.wav", allow_unfit=True)
    assert allowed.warnings[1].code == "no_speech"
