"""Which pairs of a batch are positive."""

import torch
from torch import Tensor


def positive_pairs(labels: Tensor) -> Tensor:
    """(N, N) bool: whether i and j have the same label and are not the same segment."""
    return (labels[:, None] == labels).fill_diagonal_(False)


def positive_share(labels: Tensor) -> Tensor:
    """The share, 0 to 1, of segments whose label (N,) some other segment of the batch has."""
    _, own, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    return (counts[own] > 1).float().mean()


def mean_over_anchors(losses: Tensor, anchors: Tensor) -> Tensor:
    """The mean of losses (N,) where anchors (N,) bool; without an anchor, zero with gradient zero.

    The losses of other segments must be finite.
    """
    return torch.where(anchors, losses, 0).sum() / anchors.sum().clamp(min=1)
