"""Self-attention that knows how far apart two frames are."""

import torch
from torch import Tensor, nn

from contravox.encoders.linear import Linear


class RelativeAttention(nn.Module):
    """Multi-head self-attention with relative positions.

    Dai et al. 2019 (arXiv 1901.02860), section 3.3: the score of frame j for frame i is
    (q_i + u)·k_j + (q_i + v)·W r_{i−j}, over √(size of a head); u and v are learned per head.
    """

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = Linear(size, 3 * size)
        self.position = Linear(size, size, bias=False)
        self.content_bias = nn.Parameter(torch.zeros(heads, 1, size // heads))
        self.position_bias = nn.Parameter(torch.zeros(heads, 1, size // heads))
        self.dropout = nn.Dropout(dropout)
        self.output = Linear(size, size)

    def forward(self, values: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        """(N, frames, size) to the same shape.

        positions: (2·frames, size), row r for the distance i − j = frames − 1 − r.
        mask: (N, frames) frames that may be looked at, or None if all may.
        """
        query, key, value = self._by_head(self.queries_keys_values(values)).chunk(3, dim=1)
        position = self._by_head(self.position(positions)[None])
        content = (query + self.content_bias) @ key.transpose(2, 3)
        distance = (query + self.position_bias) @ position.transpose(2, 3)
        score = (content + by_frame(distance)) * query.shape[-1] ** -0.5
        if mask is not None:
            score = score.masked_fill(~mask[:, None, None], -torch.inf)
        attended = self.dropout(score.softmax(dim=-1)) @ value
        return self.output(attended.transpose(1, 2).flatten(2))

    def _by_head(self, values: Tensor) -> Tensor:
        """(N, frames, k·size) to (N, k·heads, frames, size of a head)."""
        width = self.content_bias.shape[-1]
        return values.unflatten(2, (-1, width)).transpose(1, 2)


def by_frame(score: Tensor) -> Tensor:
    """From scores by distance, (..., T, 2T), to scores by frame, (..., T, T).

    Row i's frame j is at distance i − j, column T − 1 − i + j: with every row one column less.
    Leaving out the first T − 1 values and reading rows of 2T − 1 undoes that slant without an
    index or a copy (the relative shift of Dai et al. 2019, appendix B). The last column of all
    is for this only.
    """
    frames = score.shape[-2]
    width = 2 * frames - 1
    rows = score.flatten(-2)[..., frames - 1 : frames - 1 + frames * width]
    return rows.unflatten(-1, (frames, width))[..., :frames]
