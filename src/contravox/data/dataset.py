"""Segments cut from utterances, augmented, and gathered into batches."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from contravox.audio import SAMPLE_RATE, read_audio
from contravox.data.augmentation import Augmentation, AugmentationSettings
from contravox.data.batch import Batch
from contravox.data.noise import DrawSpeech
from contravox.data.sampling import SegmentRequest
from contravox.manifest import Manifest

Segment = tuple[NDArray[np.float32], int, int, int]
"""waveform, label, row of the utterance, view."""


class SegmentDataset(Dataset[Segment]):
    """Cuts the segments that a sampler asks for. The same request gives the same samples.

    labels: (n,) int, label of each utterance of ``manifest``.
    seconds: length of a segment; utterances too short for their segments are repeated.
    segments: how many are cut from an utterance at a time; they do not overlap.
    augmentation: of every segment, or None.
    clean_first: leave an utterance's first segment as it is.
    """

    def __init__(
        self,
        manifest: Manifest,
        labels: NDArray[np.int64],
        *,
        seconds: float,
        segments: int = 1,
        augmentation: AugmentationSettings | None = None,
        clean_first: bool = False,
    ) -> None:
        # Plain arrays: polars must not be used in a forked worker process.
        self.paths = manifest.table["path"].to_list()
        self.starts = manifest.table["start"].to_numpy()
        self.durations = manifest.table["duration"].to_numpy()
        self.labels = labels
        self.samples = round(seconds * SAMPLE_RATE)
        self.segments = segments
        self.augmentation = augmentation
        self.clean_first = clean_first

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, request: SegmentRequest) -> Segment:
        row, segment, view, seed = request
        label = int(self.labels[row])
        seconds = self.samples / SAMPLE_RATE
        places = segment_places(
            self.durations[row], seconds, self.segments, np.random.default_rng(seed)
        )
        waveform = self._read(row, *places[segment], self.samples)
        if self.augmentation is not None and not (self.clean_first and segment == 0):
            generator = np.random.default_rng([seed, segment])
            augment = Augmentation(self.augmentation, self._speech_of_others(label))
            waveform = augment(waveform, generator)
        return waveform, label, row, view

    def _speech_of_others(self, label: int) -> DrawSpeech:
        """Draws stretches of speech of any label but ``label``, for babble."""

        def draw(generator: np.random.Generator, samples: int) -> NDArray[np.float32]:
            row = int(generator.integers(len(self)))
            # One label alone has no others: its own speech must do.
            for _ in range(20):
                if self.labels[row] != label:
                    break
                row = int(generator.integers(len(self)))
            [(start, length)] = segment_places(
                self.durations[row], samples / SAMPLE_RATE, 1, generator
            )
            return self._read(row, start, length, samples)

        return draw

    def _read(self, row: int, start: float, seconds: float, samples: int) -> NDArray[np.float32]:
        """Read a place in an utterance, repeated or cut to ``samples``."""
        read = read_audio(self.paths[row], start=self.starts[row] + start, duration=seconds)
        return read[:samples] if len(read) >= samples else np.resize(read, samples)


def segment_places(
    duration: float, seconds: float, segments: int, generator: np.random.Generator
) -> list[tuple[float, float]]:
    """Choose (start, length), in seconds, of segments that do not overlap, in random order.

    Each is ``seconds`` long, or an equal share of the utterance where it is too short for that.
    """
    length = min(seconds, duration / segments)
    gaps = np.sort(generator.uniform(0.0, max(duration - segments * length, 0.0), size=segments))
    starts = gaps + length * np.arange(segments)
    return [(float(start), length) for start in generator.permutation(starts)]


def collate(segments: Sequence[Segment]) -> Batch:
    """Stack N segments of equal length into a batch."""
    waveforms, labels, utterances, views = zip(*segments, strict=True)
    stacked = torch.from_numpy(np.stack(waveforms))
    return Batch(
        waveforms=stacked,
        lengths=torch.full((len(segments),), stacked.shape[1]),
        labels=torch.tensor(labels),
        utterances=torch.tensor(utterances),
        views=torch.tensor(views),
    )
