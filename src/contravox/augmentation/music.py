"""Music enough to disturb speech: decaying harmonic tones in chords, on a beat."""

import numpy as np
from numpy.typing import NDArray

from contravox.audio.waveform import SAMPLE_RATE

TABLE = 2048
"""Samples of the one period from which all notes of an instrument are read."""

CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 9), (0, 4, 9), (0, 2, 7))
"""Semitones above a root: major, minor and their neighbours."""


def music(generator: np.random.Generator, samples: int) -> NDArray[np.float32]:
    """Play one random instrument for (samples,), of no set level.

    Tempo, key, timbre and decay are drawn once; each beat strikes a chord, or one of its notes,
    that decays exponentially.
    """
    timbre = _timbre(generator)
    beat = int(generator.uniform(0.15, 0.5) * SAMPLE_RATE)
    note = int(1.5 * beat)  # a little of each note rings into the next
    ringing = np.exp(-np.arange(note, dtype=np.float32) / (generator.uniform(0.2, 1.0) * beat))
    key = 110.0 * 2 ** generator.uniform(0, 2)  # Hz
    out = np.zeros(samples + note, np.float32)
    # The first beat began before the segment did.
    for start in range(-int(generator.integers(beat)), samples, beat):
        chord = CHORDS[generator.integers(len(CHORDS))]
        notes = chord if generator.random() < 0.4 else chord[generator.integers(3) :][:1]
        sound = sum(_note(timbre, key * 2 ** (semitones / 12), note) for semitones in notes)
        struck = ringing * sound * np.float32(generator.uniform(0.4, 1.0))
        first = max(start, 0)
        out[first : start + note] += struck[first - start :]
    return out[:samples]


def _timbre(generator: np.random.Generator) -> NDArray[np.float32]:
    """One period of ten harmonics of random strength and phase, weaker towards the high ones."""
    spectrum = np.zeros(TABLE // 2 + 1, np.complex64)
    harmonics = np.arange(1, 11)
    strength = generator.random(10) / harmonics ** generator.uniform(0.3, 1.5)
    spectrum[1:11] = strength * np.exp(2j * np.pi * generator.random(10))
    return np.fft.irfft(spectrum, TABLE).astype(np.float32)


def _note(timbre: NDArray[np.float32], frequency: float, samples: int) -> NDArray[np.float32]:
    # Reading the table at a whole position (a power of two long, so masking wraps it) is far
    # cheaper than ten sines.
    position = np.arange(samples, dtype=np.float32) * np.float32(frequency * TABLE / SAMPLE_RATE)
    return timbre[position.astype(np.int32) & (TABLE - 1)]
