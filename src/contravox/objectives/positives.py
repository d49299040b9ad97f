"""Which pairs of a batch are positive."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

Block = tuple[Tensor, Tensor]
"""Anchors (B, r) and contrasts (B, s), rows of the batch: see ``positive_blocks``."""


def positive_blocks(labels: Tensor, most: int) -> list[Block]:
    """All positive pairs of labels (N,), without a matrix of all pairs.

    A row of a block's contrasts (B, s) holds every segment of one label, and the same row of its
    anchors (B, r) some of these, each anchor its own contrast too. Over all blocks, every segment
    that has a positive is an anchor once. A block has at most ``most`` pairs B·r·s, or one anchor.
    """
    blocks = []
    order = labels.argsort(stable=True)
    counts = torch.unique_consecutive(labels[order], return_counts=True)[1]
    starts = counts.cumsum(dim=0) - counts
    for size in counts.unique().tolist():
        if size == 1:
            continue
        places = torch.arange(size, device=labels.device)
        groups = order[starts[counts == size, None] + places]
        for contrasts in groups.split(max(1, most // size**2)):
            if contrasts.numel() * size <= most:
                blocks.append((contrasts, contrasts))
            else:
                parts = contrasts.split(max(1, most // contrasts.numel()), dim=1)
                blocks.extend((anchors, contrasts) for anchors in parts)
    return blocks


def over_blocks(
    losses: Callable[[Tensor, Tensor], Tensor], blocks: Sequence[Block], most: int
) -> Tensor:
    """losses(anchors, contrasts), (B, r), of every block, flat: one number per anchor.

    Of more than ``most`` pairs in all, each block is computed again in the backward pass, so that
    no more is held until then.
    """
    if sum(anchors.numel() * contrasts.shape[1] for anchors, contrasts in blocks) > most:
        losses = partial(checkpoint, losses, use_reentrant=False, preserve_rng_state=False)
    return torch.cat([losses(*block).flatten() for block in blocks])


def similarities(vectors: Tensor, anchors: Tensor, contrasts: Tensor) -> Tensor:
    """x_i·x_j of a block's anchors (B, r) and contrasts (B, s): (B, r, s)."""
    others = rows(vectors, contrasts)
    own = others if anchors is contrasts else rows(vectors, anchors)
    return own @ others.transpose(1, 2)


def rows(vectors: Tensor, places: Tensor) -> Tensor:
    """The rows of vectors (N, ...) at places (B, r): (B, r, ...)."""
    # The gradient of index_select is a sum by rows, which takes less time than that of indexing.
    return vectors.index_select(0, places.flatten()).unflatten(0, places.shape)


class PositiveShares(NamedTuple):
    """Shares, 0 to 1, of a batch's segments.

    another_utterance: those with a positive that is of another utterance; same_utterance: those
    whose positives are all of their own utterance, so that they share its recording too.
    """

    another_utterance: float
    same_utterance: float


def positive_shares(labels: Tensor, utterances: Tensor) -> PositiveShares:
    """Which positives segments have, by their labels (N,) and utterances (N,)."""
    of_label, of_utterance = (_times_there(each) for each in (labels, utterances))
    another = of_label > of_utterance
    same = ~another & (of_utterance > 1)
    return PositiveShares(*torch.stack([another, same]).float().mean(dim=1).tolist())


def _times_there(values: Tensor) -> Tensor:
    """(N,) how often each value is there."""
    _, own, counts = torch.unique(values, return_inverse=True, return_counts=True)
    return counts[own]
