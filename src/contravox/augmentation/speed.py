"""Speech faster or slower, its pitch changing with it: another speaker."""

from collections.abc import Sequence

import numpy as np
import soxr
from numpy.typing import NDArray

from contravox.audio.waveform import SAMPLE_RATE
from contravox.errors import RecipeError


def check_speeds(speeds: Sequence[float]) -> None:
    """Raise RecipeError where one is no other speed than those before it."""
    for index, speed in enumerate(speeds):
        if not 0.1 <= speed <= 10:
            problem = f"{speed:g} is no speed of speech: use some such as 0.9 and 1.1"
        elif speed == 1:
            problem = "1 changes nothing, and those utterances are there anyway: leave it out"
        elif speed in speeds[:index]:
            problem = f"{speed:g} is there twice: each speed makes speakers of its own"
        else:
            continue
        raise RecipeError(f"data.speeds: {problem}")


def change_speed(waveform: NDArray[np.float32], speed: float) -> NDArray[np.float32]:
    """Play (samples,) at ``speed`` times its speed: (samples / speed,), rounded.

    Ko et al. 2015, *Audio augmentation for speech recognition*, section 2.3.
    """
    return soxr.resample(waveform, speed * SAMPLE_RATE, SAMPLE_RATE)
