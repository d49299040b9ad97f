"""The front-end as products of matrices, which any ONNX runtime has a quick way to make."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from contravox.features.log_mel import (
    FRAME_LENGTH,
    FRAME_SHIFT,
    FeatureSettings,
    LogMelFilterbank,
)


class MatrixFilterbank(LogMelFilterbank):
    """The same features as a ``LogMelFilterbank``'s, for a graph.

    The Fourier transform is a product with cosines and sines, as ONNX Runtime's DFT is slow, and
    all frames are made, valid or not, as a graph cannot look which are. Nothing is checked.
    """

    def __init__(self, settings: FeatureSettings) -> None:
        super().__init__(settings)
        frequencies = len(self.filters)
        # Half the sample rate is the last of them.
        turns = torch.arange(frequencies, dtype=torch.float64) * (0.5 / (frequencies - 1))
        angle = 2 * math.pi * torch.arange(FRAME_LENGTH)[:, None] * turns
        waves = torch.cat([angle.cos(), angle.sin()], dim=1) * self.window.double()[:, None]
        self.register_buffer("waves", waves.float(), persistent=False)

    waves: Tensor

    def _check(self, waveforms: Tensor, lengths: Tensor) -> None:
        pass

    def _log_mel_where(self, waveforms: Tensor, valid: Tensor) -> Tensor:
        features = self._log_mel_of_frames(_frames(waveforms, valid.shape[1]))
        # Not by a product: where nothing is valid there may be anything.
        return features.where(valid[..., None], 0)

    def _power(self, frames: Tensor) -> Tensor:
        cosine, sine = (frames @ self.waves).chunk(2, dim=-1)
        return cosine.square() + sine.square()


def _frames(waveforms: Tensor, count: int) -> Tensor:
    """(N, samples) to (N, count, FRAME_LENGTH): whole and half blocks of FRAME_SHIFT, joined."""
    whole, rest = divmod(FRAME_LENGTH, FRAME_SHIFT)
    # So that the last block, of which only a part is taken, is there.
    padded = functional.pad(waveforms, (0, FRAME_SHIFT - rest))
    blocks = [
        padded[:, place * FRAME_SHIFT : (place + count) * FRAME_SHIFT].reshape(
            -1, count, FRAME_SHIFT
        )
        for place in range(whole + 1)
    ]
    return torch.cat([*blocks[:-1], blocks[-1][..., :rest]], dim=-1)
