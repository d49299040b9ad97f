"""Keeping the frames that only fill a batch up from changing anything.

A mask is (N, frames) bool, True where a frame is valid, or None when every frame is, in which
case no masking work is done.
"""

import torch
from torch import Tensor, nn


def frame_mask(lengths: Tensor, frames: int) -> Tensor | None:
    """Mask of the first ``lengths`` (N,) frames of each row; None when all rows are full.

    A compiled or exported graph cannot look at the lengths, and always gets the mask.
    """
    if not torch.compiler.is_compiling() and bool((lengths >= frames).all()):
        return None
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


def zero_padding(values: Tensor, mask: Tensor | None) -> Tensor:
    """Set frames that are not valid to zero; values are (N, ..., frames)."""
    if mask is None:
        return values
    return values * mask.view(mask.shape[0], *[1] * (values.ndim - 2), mask.shape[1])


def masked_batch_norm(norm: nn.Module, values: Tensor, mask: Tensor | None) -> Tensor:
    """Apply a BatchNorm module to (N, channels, ..., frames) as if only valid frames were there.

    In training the batch statistics are those of the valid frames. The other frames come out
    zero, as a convolution's own padding is.
    """
    if mask is None:
        return norm(values)
    if not norm.training:
        return zero_padding(norm(values), mask)
    valid = values.movedim(-1, 1)[mask].unsqueeze(-1)
    normalised = norm(valid).squeeze(-1)
    whole = normalised.new_zeros(values.movedim(-1, 1).shape)
    whole[mask] = normalised
    return whole.movedim(1, -1)
