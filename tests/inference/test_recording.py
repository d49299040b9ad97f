import warnings

import numpy as np
import pytest
import soundfile
import soxr

from contravox.audio.speech_activity import only_speech
from contravox.audio.waveform import read_audio
from contravox.errors import AudioError
from contravox.inference.recording import read_recording
from tones import spoken, tone

RATE = 16_000
VOICE = np.concatenate([np.zeros(8000, "f4"), spoken(3, 120), np.zeros(8000, "f4")])
VOICE += 1e-3 * np.random.default_rng(0).standard_normal(len(VOICE)).astype("f4")


@pytest.fixture
def write(tmp_path):
    def written(samples, rate=RATE):
        path = tmp_path / "a.wav"
        soundfile.write(path, samples, rate, subtype="FLOAT")
        return path

    return written


def codes(recording):
    return [doubt.code for doubt in recording.warnings]


def test_a_good_recording_is_not_doubted_and_embedded_whole(write):
    path = write(VOICE)
    recording = read_recording(path)
    assert recording.warnings == ()
    np.testing.assert_array_equal(recording.waveform, read_audio(path))
    assert recording.quality.speech_seconds == pytest.approx(3, abs=0.2)
    assert recording.quality.seconds == 4


def test_only_speech_where_that_is_asked_for(write):
    path = write(np.concatenate([np.zeros(10 * RATE, "f4"), VOICE]))
    whole, speech = read_recording(path), read_recording(path, speech_only=True)
    assert codes(whole) == ["mostly_silence"]
    assert "79% of its 14.0 s are not speech" in str(whole.warnings[0])
    assert codes(speech) == []
    np.testing.assert_array_equal(speech.waveform, only_speech(read_audio(path)))
    assert whole.quality == speech.quality


@pytest.mark.parametrize("seconds", [0.0, 0.15])
def test_too_little_speech_is_refused_unless_it_is_allowed(write, seconds):
    noise = 1e-3 * np.random.default_rng(0).standard_normal(2 * RATE).astype("f4")
    noise[RATE : RATE + round(RATE * seconds)] += spoken(2, 120)[4000:][: round(RATE * seconds)]
    path = write(noise)
    with pytest.raises(AudioError, match=rf"^{path}: (no speech found in 2.0 s|only 0.\d+ s)"):
        read_recording(path)
    allowed = read_recording(path, allow_unfit=True, speech_only=True)
    assert codes(allowed)[0] == ("little_speech" if allowed.quality.speech_seconds else "no_speech")
    assert len(allowed.waveform)


def test_what_speaks_against_a_recording(write):
    noise = np.random.default_rng(0).standard_normal(len(VOICE)).astype("f4")
    for changed, code in (
        (spoken(1.0, 120), "little_speech"),
        (np.clip(8 * VOICE, -1, 1), "level"),
        (VOICE + 0.02 * noise, "noisy"),
        (soxr.resample(soxr.resample(VOICE, RATE, 8000), 8000, RATE), "narrow_band"),
        (np.stack([VOICE, np.roll(VOICE, 400)], axis=1), "channels_differ"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # What is in the result is not said elsewhere too.
            assert code in codes(read_recording(write(changed))), code
    narrow = soxr.resample(VOICE, RATE, 8000)
    assert codes(read_recording(write(narrow, 8000))) == ["narrow_band"]
    assert codes(read_recording(write(narrow, 8000), highest_frequency=3800)) == []


def test_channels(write):
    other = np.roll(VOICE, 400)
    path = write(np.stack([VOICE, other], axis=1))
    for channel, samples in (("left", VOICE), ("right", other), ("mean", (VOICE + other) / 2)):
        recording = read_recording(path, channel=channel)
        np.testing.assert_allclose(recording.waveform, samples, atol=1e-7)
        assert ("channels_differ" in codes(recording)) == (channel == "mean")
    opposite = write(np.stack([VOICE, -VOICE], axis=1))
    with pytest.raises(AudioError, match=r"cancel each other in their mean: .* --channel left"):
        read_recording(opposite)
    assert read_recording(opposite, channel="right").warnings == ()
    alone = write(VOICE)
    for channel in ("left", "right"):
        np.testing.assert_array_equal(read_recording(alone, channel=channel).waveform, VOICE)


def test_a_beep_is_no_speech(write):
    with pytest.raises(AudioError, match="no speech found"):
        read_recording(write(tone(1.0, 400)))
