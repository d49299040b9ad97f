import numpy as np
import pytest
import soxr

from contravox.audio.quality import bandwidth_of, quality_of
from contravox.audio.speech_activity import FRAME
from tones import spoken

RATE = 16_000
GENERATOR = np.random.default_rng(0)
SPEECH = np.arange(200) // 50 % 2 == 1
"""Frames 50 to 99 and 150 to 199."""


def bursts(level, noise, frames=SPEECH):
    """Noise of standard deviation ``level`` where there is speech, ``noise`` everywhere."""
    loud = np.repeat(frames, FRAME) * level * GENERATOR.standard_normal(len(frames) * FRAME)
    return (loud + noise * GENERATOR.standard_normal(len(loud))).astype(np.float32)


@pytest.mark.parametrize("ratio", [0, 10, 30])
def test_the_signal_to_noise_ratio_is_that_of_speech_to_pauses(ratio):
    waveform = bursts(0.1, 0.1 * 10 ** (-ratio / 20))
    assert quality_of(waveform, SPEECH).signal_to_noise == pytest.approx(ratio, abs=0.5)
    # What a recorder left blank is no noise.
    blank = np.concatenate([waveform, np.zeros(1000 * FRAME, np.float32)])
    found = quality_of(blank, np.append(SPEECH, np.zeros(1000, bool)))
    assert found.signal_to_noise == pytest.approx(ratio, abs=0.5)


def test_a_constant_is_no_noise():
    waveform = bursts(0.1, 0.01)
    assert quality_of(waveform + np.float32(0.3), SPEECH).signal_to_noise == pytest.approx(
        quality_of(waveform, SPEECH).signal_to_noise, abs=0.1
    )


def test_there_is_no_ratio_without_pauses():
    everywhere = np.ones(200, bool)
    everywhere[::50] = False
    assert quality_of(bursts(0.1, 0.01), everywhere).signal_to_noise is None


def test_there_is_no_ratio_without_speech_and_none_above_pauses_is_low():
    waveform = bursts(0.1, 0.1)
    assert quality_of(waveform, np.zeros(200, bool)).signal_to_noise is None
    assert quality_of(bursts(0.0, 0.1), SPEECH).signal_to_noise < 0


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000])
def test_the_bandwidth_is_half_the_rate_a_recording_once_had(rate):
    waveform = soxr.resample(bursts(0.1, 0.001), 16_000, rate)
    found = quality_of(soxr.resample(waveform, rate, 16_000).astype("f4"), SPEECH).bandwidth
    assert 0.93 * rate / 2 <= found <= rate / 2


def test_the_bandwidth_is_the_same_however_quiet_it_is():
    narrow = soxr.resample(soxr.resample(bursts(0.1, 0.001), 16_000, 8_000), 8_000, 16_000)
    found = [bandwidth_of((level * narrow).astype("f4")) for level in (1, 1e-2, 1e-4)]
    assert found == [pytest.approx(3900, rel=0.05)] * 3


def test_pauses_say_nothing_of_the_bandwidth():
    narrow = soxr.resample(soxr.resample(bursts(0.1, 0), 16_000, 8_000), 8_000, 16_000)
    hiss = 0.003 * np.random.default_rng(3).standard_normal(len(narrow))
    heard = np.where(np.repeat(SPEECH, FRAME), narrow, hiss).astype("f4")
    assert bandwidth_of(hiss.astype("f4")) == 8000
    assert bandwidth_of(heard) == pytest.approx(bandwidth_of(narrow.astype("f4")), rel=0.05)


def test_seconds_and_clipping_by_hand():
    waveform = np.tile(np.float32([0.5, -0.5, 1.0, -1.0]), 4000)
    frames = np.zeros(-(-len(waveform) // FRAME), bool)
    frames[:10] = True
    found = quality_of(waveform, frames)
    assert (found.seconds, found.clipped) == (1.0, 0.5)
    assert found.speech_seconds == pytest.approx(10 * 0.032)


@pytest.mark.parametrize("samples", [1600, 5000, FRAME, 16_000])
def test_short_recordings_have_a_quality_too(samples):
    waveform = spoken(2, 120)[:samples]
    frames = np.ones(-(-samples // FRAME), bool)
    found = quality_of(waveform, frames)
    assert found.speech_seconds == found.seconds == samples / RATE
    assert found.signal_to_noise is None
    assert 0 < found.bandwidth <= 8000
