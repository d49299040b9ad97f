"""A convolution whose outputs are weighed by what the whole segment and its part hold."""

from torch import Tensor, nn
from torch.nn import functional

PART = 100
"""Frames of one part of a segment."""


class ContextAwareMasking(nn.Module):
    """Context-aware masking, Wang et al. 2023 (arXiv 2303.00332) eq. 1-4.

    A local convolution F(x) times σ(W_2·ReLU(W_1·e + b_1) + b_2), where e is the mean over all
    frames and that over the frame's part of PART frames, added up.
    """

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.local = nn.Conv1d(
            inputs, outputs, kernel_size=3, dilation=dilation, padding=dilation, bias=False
        )
        self.gate = nn.Sequential(
            nn.Conv1d(inputs, inputs // 2, kernel_size=1),
            nn.ReLU(),
            nn.Conv1d(inputs // 2, outputs, kernel_size=1),
            nn.Sigmoid(),
        )

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        """(N, inputs, frames) to (N, outputs, frames).

        mask: (N, frames) valid frames, or None if all are; the others must be zero, and what comes
        out there is of no meaning.
        """
        frames = values.shape[-1]
        valid = values.new_ones(1, frames) if mask is None else mask.to(values.dtype)
        counts, sums = _of_parts(valid), _of_parts(values)
        mean = sums.sum(dim=-1, keepdim=True) / counts.sum(dim=-1)[:, None, None]
        # One gate for each part: it is the same for all frames of it. A part without valid frames
        # has zeros to divide.
        gate = self.gate(mean + sums / counts.clamp(min=1)[:, None])
        return self.local(values) * gate.repeat_interleave(PART, dim=-1)[..., :frames]


def _of_parts(values: Tensor) -> Tensor:
    """Sums over the parts of (..., frames): (..., parts)."""
    padded = functional.pad(values, (0, -values.shape[-1] % PART))
    return padded.unflatten(-1, (-1, PART)).sum(dim=-1)
