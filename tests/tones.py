"""Generated audio that stands for speech."""

import numpy as np


def tone(seconds: float, frequency: float, *, rate: int = 16_000, seed: int = 0) -> np.ndarray:
    """A voice-like sound: harmonics of ``frequency`` and a little noise, (samples,) float32."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * k * frequency * time) / k for k in range(1, 9))
    noise = generator.standard_normal(len(time))
    return (0.1 * voice + 0.01 * noise).astype(np.float32)


def spoken(seconds: float, pitch: float, *, rate: int = 16_000, seed: int = 0) -> np.ndarray:
    """Vowels that change four times a second, (samples,) float32: what a detector takes for speech.

    Harmonics of a wavering ``pitch`` under three formants, of which two move.
    """
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    pitches = pitch * (1 + 0.05 * np.sin(2 * np.pi * 2.5 * time))
    phase = 2 * np.pi * np.cumsum(pitches) / rate
    formants = (
        (500 + 250 * np.sin(2 * np.pi * 2 * time), 80, 1.0),
        (1500 + 500 * np.sin(2 * np.pi * 1.3 * time + 1), 100, 0.6),
        (2500, 150, 0.3),
    )
    voice = np.zeros(len(time))
    for harmonic in range(1, int(4000 / pitch)):
        loudness = sum(
            share / (1 + ((harmonic * pitches - centre) / width) ** 2)
            for centre, width, share in formants
        )
        voice += loudness * np.sin(harmonic * phase)
    voice *= np.clip(0.6 + 0.5 * np.sin(2 * np.pi * 4 * time), 0, 1)
    noise = 0.001 * generator.standard_normal(len(time))
    return (0.3 * voice / np.abs(voice).max() + noise).astype(np.float32)
