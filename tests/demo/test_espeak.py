import time

import numpy as np
import pytest

from contravox.demo import espeak
from contravox.demo.espeak import ESPEAK_SAMPLE_RATE, Prompt, speak
from contravox.errors import AudioError, MissingExtraError

TEXT = "We walked along the river until the street lamps came on."


def fundamental(samples):
    """Median over voiced 40 ms frames of the strongest autocorrelation between 60 and 400 Hz."""
    size = round(0.04 * ESPEAK_SAMPLE_RATE)
    shortest, longest = ESPEAK_SAMPLE_RATE // 400, ESPEAK_SAMPLE_RATE // 60
    found = []
    for start in range(0, len(samples) - size, size):
        frame = samples[start : start + size].astype(np.float64)
        correlation = np.correlate(frame, frame, "full")[size - 1 :]
        best = shortest + np.argmax(correlation[shortest:longest])
        if correlation[0] > size * 500**2 and correlation[best] > 0.4 * correlation[0]:
            found.append(ESPEAK_SAMPLE_RATE / best)
    return np.median(found)


@pytest.fixture(scope="module")
def spoken():
    prompts = [Prompt(TEXT, 50, 50, 170), Prompt(TEXT, 90, 50, 170), Prompt(TEXT, 50, 50, 130)]
    return speak("en-us+m3", prompts)


def test_a_sentence_lasts_seconds_and_is_loud(spoken):
    assert len(spoken) == 3
    for samples in spoken:
        assert samples.dtype == np.int16
        assert 2 < len(samples) / ESPEAK_SAMPLE_RATE < 6
        assert np.abs(samples.astype(int)).max() > 5000


def test_pitch_and_rate_are_obeyed(spoken):
    usual, high, slow = spoken
    assert fundamental(high) > 1.3 * fundamental(usual)
    assert len(slow) > 1.2 * len(usual)


def test_a_variant_changes_the_voice(spoken):
    (other,) = speak("en-us+f2", [Prompt(TEXT, 50, 50, 170)])
    assert fundamental(other) > 1.5 * fundamental(spoken[0])


def test_the_same_prompts_give_the_same_samples():
    """A breathy voice, at two times of day: eSpeak seeds its noise with the second."""
    prompts = [Prompt(TEXT, 50, 50, 170), Prompt(TEXT, 60, 50, 170)]
    first = speak("en-us+f3", prompts)
    time.sleep(1.05 - time.time() % 1)
    for samples, again in zip(first, speak("en-us+f3", prompts), strict=True):
        np.testing.assert_array_equal(samples, again)


def test_what_espeak_cannot_do_is_one_line():
    with pytest.raises(AudioError, match=r"voice xx-nowhere .*\(no such voice\).*pip install"):
        speak("xx-nowhere", [Prompt(TEXT, 50, 50, 170)])


def test_without_espeak_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(espeak, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'contravox\[demo\]'"):
        speak("en-us", [])
