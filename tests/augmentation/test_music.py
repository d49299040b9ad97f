import numpy as np
import pytest

from contravox.augmentation.music import TABLE, _note, _timbre, music
from contravox.augmentation.noise import coloured_noise


def flatness(sound):
    """Geometric over arithmetic mean of the power spectrum: 1 for a click, 0 for a tone."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2 + 1e-12
    return np.exp(np.log(power).mean()) / power.mean()


@pytest.mark.parametrize("frequency", [110.0, 333.3, 880.0])
def test_a_note_of_a_sine_timbre_is_a_sine(frequency):
    sine = np.sin(2 * np.pi * np.arange(TABLE) / TABLE).astype(np.float32)
    expected = np.sin(2 * np.pi * frequency * np.arange(8000) / 16000)
    np.testing.assert_allclose(_note(sine, frequency, 8000), expected, atol=0.005)


def test_a_timbre_has_ten_harmonics():
    spectrum = np.abs(np.fft.rfft(_timbre(np.random.default_rng(0))))
    assert (spectrum[1:11] > 1e-4).all()
    assert spectrum[0] < 1e-5
    assert spectrum[11:].max() < 1e-5


def test_music_is_made_of_tones():
    generator = np.random.default_rng(0)
    for _ in range(10):
        noise = coloured_noise(generator, 32_000, 0.0)
        assert flatness(music(generator, 32_000)) < 0.1 * flatness(noise)


def test_music_sounds_from_start_to_end():
    for seed in range(20):
        sound = music(np.random.default_rng(seed), 32_000)
        energies = (sound.reshape(-1, 8000) ** 2).sum(axis=1)
        assert (energies > 1e-3 * energies.max()).all()


@pytest.mark.parametrize("samples", [1, 100, 5000, 32_001])
def test_music_has_the_length_asked_for_and_follows_the_seed(samples):
    one, same, other = (music(np.random.default_rng(seed), samples) for seed in (3, 3, 4))
    assert one.shape == (samples,)
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
