"""Recorded or published impulse responses of rooms, such as those of RIRS_NOISES."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.audio.waveform import read_audio
from contravox.augmentation.first_readable import first_readable
from contravox.augmentation.recorded_noises import RECORDED, Recording
from contravox.errors import AudioError, RecipeError, quoted
from contravox.manifest import Manifest

REMAINDER = 1e-6
"""Share of a response's energy that its end may hold and still be cut off: -60 dB, unheard."""


class RecordedRooms:
    """The impulse responses of a manifest, each drawn as often. Raises ManifestError, RecipeError.

    unreadable: those that were drawn and could not be read, by path, and why.

    Ko et al. 2017, *A study on data augmentation of reverberant speech for robust speech
    recognition*.
    """

    def __init__(self, path: Path) -> None:
        """path: of the manifest."""
        table = Manifest.read(path).table
        if "kind" in table.columns:
            noises = table.filter(pl.col("kind").is_in(list(RECORDED.values())))
            if len(noises):
                raise RecipeError(
                    f"augmentation.rooms: {path} holds {quoted(noises['utterance'][0])} of kind "
                    f"{noises['kind'][0]}, no room: use a manifest of `contravox prepare responses`"
                )
        # Plain lists: polars must not be used in a forked worker process.
        self.recordings: list[Recording] = table.select("path", "start", "duration").rows()
        self.unreadable: dict[str, str] = {}

    def draw(self, generator: np.random.Generator, samples: int) -> NDArray[np.float32]:
        """Draw an impulse response of at most (samples,), the first channel where there are more.

        The direct sound is sample 0, so speech stays in its place, and the energy is 1.

        One that cannot be read, or is silent, is noted in ``unreadable``, and another drawn. Raises
        AudioError naming the file where many cannot.
        """
        return first_readable(
            lambda: self.recordings[generator.integers(len(self.recordings))],
            lambda recording: _response(recording, samples),
            lambda recording, error: self.unreadable.update({recording[0]: str(error)}),
        )


def _response(recording: Recording, samples: int) -> NDArray[np.float32]:
    path, start, duration = recording
    read = read_audio(path, start=start, duration=duration, channel="left")
    response = read[np.abs(read).argmax() :][:samples]
    remaining = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]
    if not remaining[0]:
        raise AudioError(f"{path}: silent, no impulse response: leave it out of the manifest")
    heard = int(np.count_nonzero(remaining > REMAINDER * remaining[0]))
    return response[:heard] / np.float32(np.sqrt(remaining[0]))
