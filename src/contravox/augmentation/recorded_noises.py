"""Recordings of noise, music and speech to add to training speech, such as MUSAN's."""

import warnings
from collections.abc import Collection
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.audio.waveform import SAMPLE_RATE, read_audio
from contravox.augmentation.first_readable import first_readable
from contravox.augmentation.noise import NoiseKind
from contravox.errors import RecipeError, TrainingWarning
from contravox.manifest import Manifest

RECORDED: dict[NoiseKind, str] = {"ambient": "noise", "music": "music", "babble": "speech"}
"""What the recordings behind each kind of noise are called in the manifest, as MUSAN has them."""


Recording = tuple[str, float, float]
"""path, start, duration"""


class RecordedNoises:
    """Random stretches of the recordings of a manifest with a column ``kind``.

    unreadable: those that were drawn and could not be read, by path, and why.

    Raises ManifestError, and RecipeError where the manifest has no column ``kind`` or nothing that
    is to be drawn. Warns with TrainingWarning where it lacks a kind.
    """

    def __init__(self, path: Path, kinds: Collection[NoiseKind]) -> None:
        """path: of the manifest; kinds: all that will be drawn."""
        table = Manifest.read(path).table
        if "kind" not in table.columns:
            raise RecipeError(
                f"augmentation.noises: {path} has no column 'kind': "
                "make it with `contravox prepare noises`"
            )
        # Plain lists: polars must not be used in a forked worker process.
        self.recordings: dict[str, list[Recording]] = {}
        for kind in sorted(kinds):
            recorded = RECORDED[kind]
            rows = table.filter(pl.col("kind") == recorded)
            if rows.is_empty():
                instead = "of other training speakers" if kind == "babble" else "synthetic"
                warnings.warn(
                    f"augmentation.noises: {path} holds no recording of kind {recorded}: {kind} "
                    f"is {instead}, as without noises; to have none set augmentation.{kind}=0",
                    TrainingWarning,
                    stacklevel=2,
                )
                continue
            self.recordings[recorded] = rows.select("path", "start", "duration").rows()
        if not self.recordings:
            raise RecipeError(
                f"augmentation.noises: {path} holds nothing of {', '.join(sorted(kinds))} that is "
                "to be drawn: give another, or leave it out"
            )
        self.unreadable: dict[str, str] = {}

    def has(self, kind: NoiseKind) -> bool:
        """Whether there is any recording behind this kind of noise."""
        return RECORDED[kind] in self.recordings

    def draw(
        self, kind: NoiseKind, generator: np.random.Generator, samples: int
    ) -> NDArray[np.float32]:
        """Draw (samples,) of noise, of no set level; for babble, of one voice of it.

        It is a random place in a random recording, repeated where that is too short. One that
        cannot be read is noted in ``unreadable``, and another drawn. Raises AudioError naming the
        file where many cannot.
        """
        recordings = self.recordings[RECORDED[kind]]

        def read(recording: Recording) -> NDArray[np.float32]:
            path, start, duration = recording
            seconds = min(samples / SAMPLE_RATE, duration)
            start += generator.uniform(0.0, duration - seconds)
            waveform = read_audio(path, start=start, duration=seconds)
            return waveform[:samples] if len(waveform) >= samples else np.resize(waveform, samples)

        return first_readable(
            lambda: recordings[generator.integers(len(recordings))],
            read,
            lambda recording, error: self.unreadable.update({recording[0]: str(error)}),
        )
