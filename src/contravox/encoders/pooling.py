"""From a sequence of frames to one vector, whatever the number of frames.

Statistics are computed in at least float32, whatever the autocast dtype, over valid frames only.
"""

import torch
from torch import Tensor, nn

from contravox.encoders.masking import frame_mask, masked_batch_norm
from contravox.precision import at_least_float32

VARIANCE_FLOOR = 1e-5
"""Least variance under a square root, whose gradient at 0 is infinite."""


class StatisticsPooling(nn.Module):
    """The mean and standard deviation over frames, Snyder et al. 2018 (x-vectors), section 2.1.

    The variance is that of a sample (over one frame less than there are, at least one), plus
    ``epsilon``, as in WeSpeaker and 3D-Speaker.
    """

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Pool (N, channels, frames), of which ``lengths`` (N,) frames are valid, at least one.

        Returns (N, 2·channels) float32: the means, then the standard deviations.
        """
        variance, mean = sample_variance(values, frame_mask(lengths, values.shape[-1]))
        return torch.cat([mean, (variance + self.epsilon).sqrt()], dim=-1)


class AttentiveStatisticsPooling(nn.Module):
    """Attentive statistics pooling with one weight per channel and frame.

    Okabe et al. 2018 (arXiv 1803.10963) eq. 1-5, with the channel-dependent attention of
    Desplanques et al. 2020 (arXiv 2005.07143) eq. 1-4: e_t = V·tanh(W·h_t + b), softmax over
    frames, then the weighted mean and standard deviation. With ``global_context`` every h_t in
    the attention is extended by the unweighted mean and standard deviation of its row. With
    ``attention_norm`` ReLU and BatchNorm come before tanh, as in SpeechBrain's ECAPA-TDNN and the
    public codes that took it from there. With ``sample_context`` the context's variance is that of
    a sample, as in WeSpeaker. ``variance_floor``: least variance of a channel.
    """

    def __init__(
        self,
        channels: int,
        bottleneck: int = 128,
        *,
        global_context: bool = False,
        attention_norm: bool = False,
        variance_floor: float = VARIANCE_FLOOR,
        sample_context: bool = False,
    ) -> None:
        super().__init__()
        self.variance_floor, self.sample_context = variance_floor, sample_context
        self.hidden = nn.Conv1d(channels, bottleneck, kernel_size=1)
        # W·[h_t; mean; deviation] = W_1·h_t + W_2·[mean; deviation], and the second term is the
        # same for all frames.
        self.context = nn.Linear(2 * channels, bottleneck, bias=False) if global_context else None
        self.norm = nn.BatchNorm1d(bottleneck) if attention_norm else None
        # No bias: the softmax takes out what is the same for all frames.
        self.score = nn.Conv1d(bottleneck, channels, kernel_size=1, bias=False)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Pool (N, channels, frames), of which ``lengths`` (N,) frames are valid, at least one.

        Returns (N, 2·channels) float32: the means, then the standard deviations.
        """
        mask = frame_mask(lengths, values.shape[-1])
        hidden = self.hidden(values)
        if self.context is not None:
            hidden = hidden + self.context(self._context(values, mask))[..., None]
        if self.norm is not None:
            hidden = masked_batch_norm(self.norm, hidden.relu(), mask)
        weights = _attention(self.score(hidden.tanh()), mask)
        return weighted_statistics(values, weights, self.variance_floor)

    def _context(self, values: Tensor, mask: Tensor | None) -> Tensor:
        """(N, 2·channels): the unweighted mean and deviation."""
        if not self.sample_context:
            return plain_statistics(values, mask, self.variance_floor)
        variance, mean = sample_variance(values, mask)
        return torch.cat([mean, _deviation(variance, self.variance_floor)], dim=-1)


class SelfAttentivePooling(nn.Module):
    """Mean over frames with one learned weight per frame.

    Cai et al. 2018 (arXiv 1804.05160) eq. 1-3: softmax over frames of μ·tanh(W·h_t + b).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(channels, channels, kernel_size=1)
        self.score = nn.Conv1d(channels, 1, kernel_size=1, bias=False)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Pool (N, channels, frames), of which ``lengths`` (N,) frames are valid, at least one.

        Returns (N, channels) float32.
        """
        mask = frame_mask(lengths, values.shape[-1])
        weights = _attention(self.score(self.hidden(values).tanh()), mask)
        return (values * weights).sum(dim=-1)


def weighted_statistics(
    values: Tensor, weights: Tensor, variance_floor: float = VARIANCE_FLOOR
) -> Tensor:
    """Weighted mean and standard deviation over frames: (N, 2·channels) float32.

    values: (N, channels, frames).
    weights: (N, channels or 1, frames) float32, summing to one over frames.
    """
    values = at_least_float32(values)
    weighted = values * weights
    mean = weighted.sum(dim=-1)
    if variance_floor < VARIANCE_FLOOR:
        # What rounding leaves of a difference of squares would be above so low a floor.
        variance = ((values - mean[..., None]).square() * weights).sum(dim=-1)
    else:
        # E[v²] − E[v]² and not E[(v − E[v])²]: a third of the large temporaries, which is most of
        # the time on a CPU.
        variance = (weighted * values).sum(dim=-1) - mean.square()
    return torch.cat([mean, _deviation(variance, variance_floor)], dim=-1)


def plain_statistics(
    values: Tensor, mask: Tensor | None, variance_floor: float = VARIANCE_FLOOR
) -> Tensor:
    """Mean and standard deviation over the valid frames: (N, 2·channels) float32."""
    if mask is None:
        variance, mean = torch.var_mean(at_least_float32(values), dim=-1, correction=0)
        return torch.cat([mean, _deviation(variance, variance_floor)], dim=-1)
    weights = mask / mask.sum(dim=-1, keepdim=True)
    return weighted_statistics(values, weights[:, None], variance_floor)


def sample_variance(values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Variance over one frame less than are valid (0 of one frame), and mean: (N, channels)."""
    values = at_least_float32(values)
    valid = values.new_ones(1, 1, values.shape[-1]) if mask is None else mask[:, None]
    count = valid.sum(dim=-1).to(values.dtype)
    mean = (values * valid).sum(dim=-1) / count
    squares = (values - mean[..., None]).square() * valid
    return squares.sum(dim=-1) / (count - 1).clamp(min=1), mean


def _deviation(variance: Tensor, floor: float) -> Tensor:
    return variance.clamp(min=floor).sqrt()


def _attention(score: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax of (N, ., frames) scores over valid frames, float32."""
    if mask is not None:
        score = score.masked_fill(~mask[:, None], -torch.inf)
    return at_least_float32(score).softmax(dim=-1)
