"""Other voices and other ways to speak, made of recordings by Praat.

A voice is other than its speaker's in pitch and in the length of the vocal tract, each drawn by
itself, where a change of speed moves both, and the tempo, at once. A way to speak is other in
pitch, in how lively it is, and in tempo: the speaker stays the same, as an angry or a tired one
does. Praat (praat-parselmouth, GPL-3) changes them by overlapping and adding pitch periods. It is
a tool of this benchmark alone: contravox does not need it.
"""

from typing import NamedTuple

import numpy as np
import parselmouth
from numpy.typing import NDArray
from parselmouth.praat import call

from contravox.audio.waveform import SAMPLE_RATE

PITCH_FLOOR, PITCH_CEILING = 75.0, 500.0
"""Hz in which Praat looks for a voice's pitch."""


class Change(NamedTuple):
    """Factors of formants, of the pitch's median and of its range about that, of the duration."""

    formants: float = 1.0
    pitch: float = 1.0
    liveliness: float = 1.0
    duration: float = 1.0


def another_voice(generator: np.random.Generator) -> Change:
    """Of another person, of either sex."""
    return Change(formants=generator.uniform(0.85, 1.18), pitch=_about_one(generator, 1.25))


def another_way(generator: np.random.Generator) -> Change:
    """Of the same person, in another mood."""
    return Change(
        pitch=_about_one(generator, 1.2),
        liveliness=_about_one(generator, 1.8),
        duration=_about_one(generator, 1.2),
    )


def changed(waveform: NDArray[np.float32], change: Change) -> NDArray[np.float32]:
    """(samples,) at 16 kHz, changed; as it was where Praat finds no voice in it."""
    sound = parselmouth.Sound(waveform.astype(np.float64), SAMPLE_RATE)
    if sound.duration < 3 / PITCH_FLOOR + 0.01:
        return waveform
    pitch = sound.to_pitch(None, PITCH_FLOOR, PITCH_CEILING)
    lowest, median = (call(pitch, "Get quantile", 0, 0, share, "Hertz") for share in (0, 0.5))
    if not median > 0:
        return waveform
    wanted = float(np.clip(median * change.pitch, PITCH_FLOOR, PITCH_CEILING))
    liveliness = change.liveliness
    below = wanted * (1 - lowest / median)
    if below > 0:
        # Praat would look for periods of a negative pitch for ever.
        liveliness = min(liveliness, (wanted - PITCH_FLOOR / 2) / below)
    numbers = (change.formants, wanted, liveliness, change.duration)
    try:
        made = call([sound, pitch], "Change gender", *numbers)
    except parselmouth.PraatError:
        # There are too few pitch periods.
        return waveform
    values: NDArray[np.float32] = made.values[0].astype(np.float32)
    return values if np.isfinite(values).all() else waveform


def _about_one(generator: np.random.Generator, most: float) -> float:
    """Evenly among the logarithms from 1 / most to most."""
    return float(most ** generator.uniform(-1, 1))
