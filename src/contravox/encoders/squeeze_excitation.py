"""Channels weighed by what the whole segment holds."""

from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Scale every channel by a gate in (0, 1) computed from all channels' means over a segment.

    Hu et al. 2018 (arXiv 1709.01507) eq. 2-4; the 1-dimensional form is Desplanques et al. 2020
    (arXiv 2005.07143) eq. 5-6. Takes and gives (N, channels, ..., frames).
    """

    def __init__(self, channels: int, bottleneck: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Linear(channels, bottleneck),
            nn.ReLU(),
            nn.Linear(bottleneck, channels),
            nn.Sigmoid(),
        )

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        """mask: (N, frames) valid frames, or None if all are; the others must be zero."""
        mean = values.mean(dim=tuple(range(2, values.ndim)))
        if mask is not None:
            # The zeros past a row's end are in the sum, but must not be in the count.
            mean = mean * (mask.shape[1] / mask.sum(dim=-1, keepdim=True))
        gate = self.gate(mean)
        return values * gate.view(*gate.shape, *[1] * (values.ndim - 2))
