"""What a convolution sees past the ends of a segment."""

import torch
from torch import Tensor


def mirrored(values: Tensor, padding: int, mask: Tensor | None) -> Tensor:
    """(N, channels, frames) to (N, channels, frames + 2·padding): each row mirrored at its ends.

    The first and the last frame are not repeated. A row of no more than ``padding`` frames, which
    cannot be mirrored so far, goes on with its other end.

    mask: (N, frames) valid frames, the first ones of each row, or None if all are.
    """
    frames = values.shape[-1]
    position = torch.arange(-padding, frames + padding, device=values.device).abs()
    if mask is None:
        last = torch.full((1, 1), frames - 1, device=values.device)
    else:
        last = mask.sum(dim=-1, keepdim=True) - 1
    index = torch.where(position > last, 2 * last - position, position)
    index = torch.minimum(index.clamp(min=0), last)
    return values.gather(2, index[:, None].expand(values.shape[0], values.shape[1], -1))
