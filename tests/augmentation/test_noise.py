import numpy as np
import pytest

from contravox.augmentation.noise import (
    babble,
    coloured_noise,
    mix_at_snr,
    noise_bursts,
    synthetic_noise,
)


def level_spread(noise):
    """Standard deviation over mean of the energy of 20 ms frames."""
    energies = (noise[: len(noise) // 320 * 320].reshape(-1, 320) ** 2).sum(axis=1)
    return energies.std() / energies.mean()


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 13.0])
def test_mix_at_snr_has_the_ratio_asked_for(snr_db):
    generator = np.random.default_rng(0)
    speech = 0.03 * generator.standard_normal(8000).astype(np.float32)
    noise = 7 * generator.standard_normal(8000).astype(np.float32)
    added = mix_at_snr(speech, noise, snr_db).astype(np.float64) - speech
    measured = 10 * np.log10(np.sum(speech.astype(np.float64) ** 2) / np.sum(added**2))
    assert measured == pytest.approx(snr_db, abs=0.01)
    assert np.corrcoef(added, noise)[0, 1] == pytest.approx(1, abs=1e-6)


def test_mix_at_snr_leaves_speech_alone_where_either_is_silent():
    sound, silence = np.full(10, 0.5, np.float32), np.zeros(10, np.float32)
    np.testing.assert_array_equal(mix_at_snr(sound, silence, 0), sound)
    np.testing.assert_array_equal(mix_at_snr(silence, sound, 0), silence)


def test_mix_at_snr_refuses_other_lengths():
    with pytest.raises(ValueError, match=r"noise has shape \(9,\), speech \(10,\)"):
        mix_at_snr(np.ones(10, np.float32), np.ones(9, np.float32), 0)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_coloured_noise_falls_with_its_slope(slope):
    noise = coloured_noise(np.random.default_rng(0), 160_000, slope)
    power = np.abs(np.fft.rfft(noise)) ** 2
    frequencies = np.fft.rfftfreq(len(noise), 1 / 16000)
    edges = np.geomspace(100, 7000, 20)
    octaves = np.digitize(frequencies, edges)
    mean_power = [power[octaves == band].mean() for band in range(1, len(edges))]
    middles = np.sqrt(edges[1:] * edges[:-1])
    assert np.polyfit(np.log(middles), np.log(mean_power), 1)[0] == pytest.approx(-slope, abs=0.05)


def test_coloured_noise_keeps_to_its_band():
    noise = coloured_noise(np.random.default_rng(0), 16_000, 1.0, (300, 1200))
    frequencies = np.fft.rfftfreq(16_000, 1 / 16000)
    power = np.abs(np.fft.rfft(noise)) ** 2
    inside = (frequencies >= 300) & (frequencies < 1200)
    assert power[~inside].sum() < 1e-9 * power[inside].sum()
    assert (power[inside] > 0).all()


@pytest.mark.parametrize("samples", [2, 3, 777, 32_000])
@pytest.mark.parametrize(
    "noise", [lambda generator, samples: coloured_noise(generator, samples, 2.0), noise_bursts]
)
def test_noise_has_the_length_asked_for_and_follows_the_seed(noise, samples):
    one, same, other = (noise(np.random.default_rng(seed), samples) for seed in (3, 3, 4))
    assert one.shape == (samples,)
    assert one.dtype == np.float32
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_bursts_come_and_go_where_coloured_noise_is_steady():
    generator = np.random.default_rng(0)
    bursts = [level_spread(noise_bursts(generator, 32_000)) for _ in range(30)]
    steady = [level_spread(coloured_noise(generator, 32_000, 0.0)) for _ in range(30)]
    assert min(bursts) > 2 * max(steady)


@pytest.mark.parametrize("voices", [(3, 7), (1, 1), (3, 8)])
def test_babble_mixes_so_many_voices_equally_loud(voices):
    counts = set()
    for seed in range(40):
        calls = 0

        def draw_speech(generator, samples):
            """Sine number 1, 2, … of very different levels, so that the voices can be told."""
            nonlocal calls
            calls += 1
            time = np.arange(samples, dtype=np.float32)
            return (10.0**-calls * np.sin(2 * np.pi * 50 * calls * time / samples)).astype("f4")

        mixture = babble(np.random.default_rng(seed), 4000, draw_speech, voices=voices)
        spectrum = np.abs(np.fft.rfft(mixture))[50 : 50 * calls + 1 : 50]
        np.testing.assert_allclose(spectrum, spectrum[0], rtol=1e-3)
        counts.add(calls)
    assert counts == set(range(voices[0], voices[1] + 1))


def test_voices_of_babble_can_have_ratios_of_their_own():
    levels, calls = [], 0

    def draw_speech(generator, samples):
        nonlocal calls
        calls += 1
        return np.sin(2 * np.pi * 50 * calls * np.arange(samples) / samples).astype("f4")

    for seed in range(40):
        calls = 0
        generator = np.random.default_rng(seed)
        mixture = babble(generator, 4000, draw_speech, voices=(3, 8), snr=(13.0, 20.0))
        power = np.abs(np.fft.rfft(mixture))[50 : 50 * calls + 1 : 50] ** 2 / 2000
        levels.extend(-10 * np.log10(power))
    assert 13 <= min(levels) < 14
    assert 19 < max(levels) <= 20


def test_babble_of_silent_speakers_is_silent():
    silent = babble(np.random.default_rng(0), 100, lambda generator, n: np.zeros(n, np.float32))
    np.testing.assert_array_equal(silent, np.zeros(100))


def test_ambient_noise_is_steady_or_comes_in_bursts():
    generator = np.random.default_rng(0)
    noises = [synthetic_noise("ambient", generator, 32_000) for _ in range(40)]
    bursts = sum(level_spread(noise) > 1 for noise in noises)
    assert 10 <= bursts <= 30
