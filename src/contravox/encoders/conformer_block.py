"""The Conformer block: feed-forward halves around attention and convolution."""

import torch
from torch import Tensor, nn

from contravox.encoders.linear import Linear
from contravox.encoders.masking import masked_batch_norm, zero_padding
from contravox.encoders.relative_attention import RelativeAttention


class ConformerBlock(nn.Module):
    """Conformer block, Gulati et al. 2020 (arXiv 2005.08100), section 2.4.

    x ← x + ½·FF(x); x ← x + attention(x); x ← x + convolution(x); LayerNorm(x + ½·FF(x)).
    """

    def __init__(
        self, size: int, heads: int, feed_forward: int, kernel_size: int, dropout: float
    ) -> None:
        super().__init__()
        self.first_feed_forward = _feed_forward(size, feed_forward, dropout)
        self.attention_norm = nn.LayerNorm(size)
        self.attention = RelativeAttention(size, heads, dropout)
        self.convolution = ConvolutionModule(size, kernel_size)
        self.last_feed_forward = _feed_forward(size, feed_forward, dropout)
        self.norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        """(N, frames, size) to the same shape.

        positions: (2·frames, size), see ``relative_positions``.
        mask: (N, frames) valid frames, or None if all are.
        """
        values = values + 0.5 * self.first_feed_forward(values)
        attended = self.attention(self.attention_norm(values), positions, mask)
        values = values + self.dropout(attended)
        values = values + self.dropout(self.convolution(values, mask))
        return self.norm(values + 0.5 * self.last_feed_forward(values))


class ConvolutionModule(nn.Module):
    """LayerNorm → gated linear unit → depthwise convolution → BatchNorm → Swish → linear.

    Gulati et al. 2020, section 2.2.
    """

    def __init__(self, size: int, kernel_size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.gate = nn.Sequential(Linear(size, 2 * size), nn.GLU())
        # Two-dimensional with a height of one: (N, frames, size) is then channels_last memory,
        # which the convolution reads without a copy.
        self.depthwise = nn.Conv2d(
            size, size, (1, kernel_size), padding=(0, kernel_size // 2), groups=size, bias=False
        )
        self.depthwise_norm = nn.BatchNorm2d(size)
        self.activation = nn.SiLU(inplace=True)
        self.linear = Linear(size, size)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        gated = self.gate(self.norm(values)).transpose(1, 2).unsqueeze(2)
        convolved = self.depthwise(zero_padding(gated, mask))
        normalised = masked_batch_norm(self.depthwise_norm, convolved, mask)
        return self.linear(self.activation(normalised).squeeze(2).transpose(1, 2))


def relative_positions(frames: int, size: int, like: Tensor) -> Tensor:
    """Sinusoids of every distance between two frames, from frames − 1 down to −frames.

    Vaswani et al. 2017 (arXiv 1706.03762), section 3.5. Returns (2·frames, size), on the device
    and in the type of ``like``.
    """
    distance = torch.arange(frames - 1, -frames - 1, -1, device=like.device, dtype=torch.float32)
    pairs = torch.arange(0, size, 2, device=like.device, dtype=torch.float32)
    angle = distance[:, None] * torch.pow(10_000.0, -pairs / size)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).to(like.dtype)


def _feed_forward(size: int, hidden: int, dropout: float) -> nn.Sequential:
    """Gulati et al. 2020, section 2.3."""
    return nn.Sequential(
        nn.LayerNorm(size),
        Linear(size, hidden),
        nn.SiLU(),
        nn.Dropout(dropout),
        Linear(hidden, size),
        nn.Dropout(dropout),
    )
