import numpy as np
import pytest
import soundfile

from contravox.encoders.ecapa_tdnn import EcapaTdnnSettings
from contravox.errors import AudioError
from contravox.model import Model, ModelSettings
from contravox.verifier import Verifier
from tones import tone


@pytest.fixture
def verifier():
    encoder = EcapaTdnnSettings(channels=16, aggregation=24, bottleneck=8, embedding_size=6)
    return Verifier(Model(ModelSettings(encoder=encoder)).eval())


@pytest.fixture
def recordings(tmp_path):
    paths = []
    for pitch in (100, 250):
        paths.append(tmp_path / f"{pitch}.wav")
        soundfile.write(paths[-1], tone(0.6, pitch), 16_000)
    return paths


def test_the_score_is_the_cosine_of_the_embeddings(verifier, recordings):
    waveforms = [soundfile.read(path, dtype="float32")[0] for path in recordings]
    first, second = (verifier.model.embed([waveform])[0] for waveform in waveforms)
    expected = first @ second / np.sqrt((first @ first) * (second @ second))
    assert verifier.verify(*recordings).score == pytest.approx(expected, abs=1e-6)
    assert verifier.verify(recordings[0], recordings[0]).score == pytest.approx(1.0)


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
