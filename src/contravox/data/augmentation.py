"""A fresh copy of a segment at each draw: reverberated, in noise, nearer or farther."""

from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, FiniteFloat, model_validator

from contravox.data.music import music
from contravox.data.noise import (
    DrawSpeech,
    babble,
    coloured_noise,
    mix_at_snr,
    noise_bursts,
)
from contravox.data.rooms import draw_room, impulse_response, reverberate
from contravox.settings import Settings


def _ascending(values: tuple[float, float]) -> tuple[float, float]:
    if values[0] > values[1]:
        raise ValueError(f"a range goes from low to high, not from {values[0]} to {values[1]}")
    return values


Range = Annotated[tuple[FiniteFloat, FiniteFloat], AfterValidator(_ascending)]
Weight = Annotated[FiniteFloat, Field(ge=0)]


class AugmentationSettings(Settings):
    """How segments are augmented; weights are relative to each other, ranges drawn uniformly.

    First one of four treatments is drawn: ``clean``, ``noise``, ``reverberation`` or ``both``. The
    types of CEL (Mun et al. 2020, arXiv 2010.11433) are these weights: type 0 is clean alone,
    1 noise alone, 2 noise and reverberation in equal parts, 3 both alone.

    Added noise is ``coloured`` (steady or in bursts), ``music`` or ``babble``, each at its
    signal-to-noise ratio in dB; the ranges are those of CEL and of the x-vector recipe.
    ``decay_time`` is the rooms' RT60 in seconds. ``gain`` in dB changes every segment's level.
    """

    clean: Weight = 1.0
    noise: Weight = 1.0
    reverberation: Weight = 1.0
    both: Weight = 1.0
    coloured: Weight = 1.0
    music: Weight = 1.0
    babble: Weight = 1.0
    coloured_snr: Range = (0.0, 15.0)
    music_snr: Range = (5.0, 15.0)
    babble_snr: Range = (13.0, 20.0)
    decay_time: Range = (0.1, 0.7)
    gain: Range = (-6.0, 6.0)

    @model_validator(mode="after")
    def _something_can_be_drawn(self) -> Self:
        if not any((self.clean, self.noise, self.reverberation, self.both)):
            raise ValueError("one of clean, noise, reverberation and both must weigh more than 0")
        if not any((self.coloured, self.music, self.babble)):
            raise ValueError("one of coloured, music and babble must weigh more than 0")
        if self.decay_time[0] <= 0:
            raise ValueError("decay_time must be above 0 seconds")
        return self


class Augmentation:
    """Augments segments; all randomness comes from the generator of each call."""

    def __init__(self, settings: AugmentationSettings, draw_speech: DrawSpeech) -> None:
        """draw_speech: (generator, samples) -> (samples,), another speaker's speech, for babble."""
        self.settings = settings
        self.draw_speech = draw_speech

    def __call__(
        self, waveform: NDArray[np.float32], generator: np.random.Generator
    ) -> NDArray[np.float32]:
        """Augment a (samples,) segment at 16 kHz: as long, and in place in time.

        The result is scaled down where it would pass full scale, never clipped.
        """
        settings = self.settings
        treatments = (settings.clean, settings.noise, settings.reverberation, settings.both)
        treatment = _draw(generator, treatments)
        augmented = waveform
        if treatment in (2, 3):
            room = draw_room(generator, settings.decay_time)
            augmented = reverberate(augmented, impulse_response(room, generator))
        if treatment in (1, 3):
            augmented = self._add_noise(augmented, generator)
        gain = 10 ** (generator.uniform(*settings.gain) / 20)
        peak = float(np.abs(augmented).max()) * gain
        return augmented * np.float32(gain / max(peak, 1.0))

    def _add_noise(
        self, speech: NDArray[np.float32], generator: np.random.Generator
    ) -> NDArray[np.float32]:
        settings = self.settings
        samples = len(speech)
        kind = _draw(generator, (settings.coloured, settings.music, settings.babble))
        if kind == 0:
            snr = settings.coloured_snr
            if generator.random() < 0.5:
                noise = coloured_noise(generator, samples, slope=generator.uniform(0, 2))
            else:
                noise = noise_bursts(generator, samples)
        elif kind == 1:
            snr = settings.music_snr
            noise = music(generator, samples)
        else:
            snr = settings.babble_snr
            noise = babble(generator, samples, self.draw_speech)
        return mix_at_snr(speech, noise, generator.uniform(*snr))


def _draw(generator: np.random.Generator, weights: tuple[float, ...]) -> int:
    """An index, drawn in proportion to its weight."""
    total = np.cumsum(weights)
    return int(np.searchsorted(total, generator.random() * total[-1], side="right"))
