"""Bands of time and of frequency hidden from the encoder in training."""

from functools import partial

import torch
from pydantic import Field
from torch import Tensor, nn

from contravox.settings import Count, Settings, Share


class SpecAugmentSettings(Settings):
    """Bands of time and of frequency that are hidden.

    The default widths are those of ECAPA-TDNN (arXiv 2005.07143, section 4.2).
    """

    time_masks: int = Field(2, ge=0, le=100, description="bands of time in a segment")
    time_width: Count = Field(5, description="frames of the widest")
    frequency_masks: int = Field(1, ge=0, le=100, description="bands of frequency in a segment")
    frequency_width: Count = Field(10, description="bins of the widest")
    probability: Share = Field(1.0, description="share of the segments that get any")


class SpecAugment(nn.Module):
    """Zero random bands of features, each segment its own; nothing outside training.

    Park et al. 2019 (arXiv 1904.08779), section 2, without time warping: a band's width is
    uniform in 0…width, then its start in what is left. Zero is the mean of mean-normalised
    features.
    """

    def __init__(self, settings: SpecAugmentSettings) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Mask (N, bins, frames) features, of which ``lengths`` (N,) frames are valid."""
        if not self.training:
            return features
        settings, (rows, bins, frames) = self.settings, features.shape
        draw = partial(torch.rand, device=features.device)
        chosen = draw(rows, 1, 1) < settings.probability
        in_time = _bands(
            draw(2, rows, settings.time_masks, 1), settings.time_width, lengths, frames
        )
        in_frequency = _bands(
            draw(2, rows, settings.frequency_masks, 1),
            settings.frequency_width,
            torch.full_like(lengths, bins),
            bins,
        )
        hidden = (in_time[:, None] | in_frequency[:, :, None]) & chosen
        return features.masked_fill(hidden, 0.0)


def _bands(draw: Tensor, widest: int, sizes: Tensor, total: int) -> Tensor:
    """(N, total) bool, True within bands that end at ``sizes`` (N,) or before.

    draw: (2, N, bands, 1) uniform numbers, for the bands' widths and for their starts.
    """
    limits = sizes[:, None, None]
    widths = (draw[0] * (limits.clamp(max=widest) + 1)).floor()
    starts = (draw[1] * (limits - widths + 1)).floor()
    positions = torch.arange(total, device=sizes.device)
    return ((positions >= starts) & (positions < starts + widths)).any(dim=1)
