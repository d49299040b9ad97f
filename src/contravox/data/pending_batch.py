"""A batch whose effects are still to be applied, on a device: noise and rooms by a GPU, say."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from contravox.augmentation.effects import Effects
from contravox.augmentation.rooms import quick_length
from contravox.data.batch import Batch

ROWS = 256
"""Segments mixed at a time, so that the spectra of a large batch need no memory of their own."""


class PendingBatch(NamedTuple):
    """A batch and what is still to be mixed into it: ``Effects.apply`` in bulk.

    batch: N segments as read, or finished.
    responses: (K, taps) of rooms, short ones padded with zeros; reverberant: (K,) int64, their rows
    in the batch. noises: (M, samples), of no set level; noisy: (M,) int64, their rows; snrs: (M,)
    dB. gains: (N,) dB.
    """

    batch: Batch
    responses: Tensor
    reverberant: Tensor
    noises: Tensor
    noisy: Tensor
    snrs: Tensor
    gains: Tensor

    @classmethod
    def of(cls, batch: Batch, effects: Sequence[Effects | None]) -> "PendingBatch":
        """A batch and what was drawn for each of its segments; None: it is finished."""
        drawn = [(row, each) for row, each in enumerate(effects) if each is not None]
        rooms = [(row, each.response) for row, each in drawn if each.response is not None]
        noises = [(row, each.noise) for row, each in drawn if each.noise is not None]
        return cls(
            batch=batch,
            responses=_padded([response for _, response in rooms]),
            reverberant=torch.tensor([row for row, _ in rooms], dtype=torch.int64),
            noises=_padded([noise for _, noise in noises]),
            noisy=torch.tensor([row for row, _ in noises], dtype=torch.int64),
            snrs=torch.tensor([each.snr for _, each in drawn if each.noise is not None]),
            gains=torch.tensor([each.gain if each is not None else 0.0 for each in effects]),
        )

    def mixed_on(self, device: torch.device) -> Batch:
        """The batch on ``device``, its effects applied there."""
        batch = self.batch.to(device)
        waveforms = batch.waveforms.clone()
        responses, noises, snrs = (
            part.to(device) for part in (self.responses, self.noises, self.snrs)
        )
        reverberant, noisy = self.reverberant.to(device), self.noisy.to(device)
        for low in range(0, len(reverberant), ROWS):
            rows, part = reverberant[low : low + ROWS], slice(low, low + ROWS)
            waveforms[rows] = _reverberated(waveforms[rows], responses[part])
        for low in range(0, len(noisy), ROWS):
            rows, part = noisy[low : low + ROWS], slice(low, low + ROWS)
            waveforms[rows] = _noisy(waveforms[rows], noises[part], snrs[part])
        return batch._replace(waveforms=_amplified(waveforms, self.gains.to(device)))


def _padded(waveforms: Sequence[NDArray[np.float32]]) -> Tensor:
    """(N, longest) with zeros after the short ones."""
    if not waveforms:
        return torch.zeros(0, 1)
    return pad_sequence([torch.from_numpy(each) for each in waveforms], batch_first=True)


def _reverberated(speech: Tensor, responses: Tensor) -> Tensor:
    """Convolve (K, samples) with (K, taps), cut to the length of the speech."""
    samples = speech.shape[1]
    size = quick_length(samples + responses.shape[1] - 1)
    product = torch.fft.rfft(speech, size) * torch.fft.rfft(responses, size)
    return torch.fft.irfft(product, size)[:, :samples]


def _noisy(speech: Tensor, noises: Tensor, snrs: Tensor) -> Tensor:
    """Add (M, samples) of noise at (M,) dB under the speech; a silent row of either adds none."""
    ratio = speech.norm(dim=1) / noises.norm(dim=1) * 10 ** (-snrs / 20)
    ratio = torch.where(ratio.isfinite(), ratio, 0.0)
    return speech + ratio[:, None] * noises


def _amplified(waveforms: Tensor, gains: Tensor) -> Tensor:
    """Change the level of (N, samples) by (N,) dB, scaled down where that passes full scale."""
    factors = 10 ** (gains / 20)
    peaks = factors * waveforms.abs().amax(dim=1)
    return waveforms * (factors / peaks.clamp(min=1.0))[:, None]
