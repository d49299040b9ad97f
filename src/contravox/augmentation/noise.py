"""Noise to add to speech: steady noise, bursts, music and the babble of other speakers."""

from collections.abc import Callable
from typing import Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from contravox.audio.waveform import SAMPLE_RATE
from contravox.augmentation.music import music

NoiseKind = Literal["ambient", "music", "babble"]

DrawSpeech = Callable[[np.random.Generator, int], NDArray[np.float32]]
"""(generator, samples) -> (samples,): a random stretch of another speaker's speech at 16 kHz."""


def synthetic_noise(
    kind: Literal["ambient", "music"], generator: np.random.Generator, samples: int
) -> NDArray[np.float32]:
    """Make (samples,) of noise where there are no recordings of any, of no set level.

    Ambient noise is steady or comes in bursts.
    """
    match kind:
        case "ambient":
            if generator.random() < 0.5:
                return coloured_noise(generator, samples, slope=generator.uniform(0, 2))
            return noise_bursts(generator, samples)
        case "music":
            return music(generator, samples)
        case _:
            assert_never(kind)


def mix_at_snr(
    speech: NDArray[np.float32], noise: NDArray[np.float32], snr_db: float
) -> NDArray[np.float32]:
    """Add noise to speech so that their energies differ by ``snr_db`` decibels.

    Both (samples,). Where one of them is silent there is no such ratio: the speech comes back
    unchanged. Raises ValueError where the shapes differ.
    """
    if speech.shape != noise.shape:
        raise ValueError(f"noise has shape {noise.shape}, speech {speech.shape}")
    speech_energy, noise_energy = float(speech @ speech), float(noise @ noise)
    if not speech_energy or not noise_energy:
        return speech.copy()
    gain = np.sqrt(speech_energy / noise_energy) * 10 ** (-snr_db / 20)
    return speech + np.float32(gain) * noise


def coloured_noise(
    generator: np.random.Generator,
    samples: int,
    slope: float,
    band: tuple[float, float] = (20.0, SAMPLE_RATE / 2),
) -> NDArray[np.float32]:
    """Stationary Gaussian noise of power 1/f^slope in ``band`` (Hz), (samples,), of no set level.

    Slope 0 is white, 1 pink, 2 brown.
    """
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE).astype(np.float32)
    low, high = np.searchsorted(frequencies, band)
    low, high = max(low, 1), max(high, low + 1, 2)
    spectrum = np.zeros(len(frequencies), np.complex64)
    part = frequencies[low:high]
    gaussian = generator.standard_normal(2 * len(part), dtype=np.float32).view(np.complex64)
    # Relative to the band's lowest frequency, so that no slope over- or underflows.
    spectrum[low:high] = gaussian * (part / part[:1]) ** np.float32(-slope / 2)
    return np.fft.irfft(spectrum, samples).astype(np.float32, copy=False)


def noise_bursts(generator: np.random.Generator, samples: int) -> NDArray[np.float32]:
    """Noise of one random band that comes and goes, as of traffic, paper or a keyboard."""
    low = generator.uniform(50, 3000)
    noise = coloured_noise(generator, samples, 0.0, (low, low * generator.uniform(1.5, 8.0)))
    # Fourth powers make most of the time quiet and few moments loud.
    per_second = generator.uniform(3, 20)
    levels = generator.random(2 + int(samples / SAMPLE_RATE * per_second)) ** 4
    steps = np.linspace(0, len(levels) - 1, samples, dtype=np.float32)
    return noise * np.interp(steps, np.arange(len(levels)), levels).astype(np.float32)


def babble(
    generator: np.random.Generator,
    samples: int,
    draw_speech: DrawSpeech,
    *,
    voices: tuple[int, int] = (3, 7),
    snr: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.float32]:
    """Several other speakers at once, (samples,), as the x-vector recipe mixes them.

    Snyder et al. 2018, *X-vectors: robust DNN embeddings for speaker recognition*, section 3.3.

    voices: how many, from fewest to most. snr: the range in dB of which each voice draws its ratio
    to speech of energy 1; by default all are equally loud.
    """
    mixture = np.zeros(samples, np.float32)
    for _ in range(generator.integers(voices[0], voices[1] + 1)):
        voice = draw_speech(generator, samples)
        energy = float(voice @ voice)
        if energy:
            level = 10 ** (-generator.uniform(*snr) / 20)
            mixture += voice * np.float32(level / np.sqrt(energy))
    return mixture
