"""What one training step sees."""

from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """N segments, each cut from an utterance and perhaps augmented.

    waveforms: (N, samples) float32 at 16 kHz, short segments padded with zeros at the end.
    lengths: (N,) int64, valid samples of each row.
    labels: (N,) int64, the speaker's index; in training without labels the utterance's, of a
    sampled positive that of its anchor.
    utterances: (N,) int64, row of the utterance in the dataset: at another speed, another row.
    views: (N,) int64, which of its label's segments in this batch this is: 0, 1, ...
    recorded: (N, samples) float32, the segments as they were before augmentation, for a teacher
    that hears them so; None where nobody does.
    """

    waveforms: Tensor
    lengths: Tensor
    labels: Tensor
    utterances: Tensor
    views: Tensor
    recorded: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        parts = self._asdict().items()
        return self._replace(**{name: part.to(device) for name, part in parts if part is not None})

    def mixed_on(self, device: torch.device) -> "Batch":
        """The same as ``to``: unlike in a ``PendingBatch``, no effect is still to be applied."""
        return self.to(device)
