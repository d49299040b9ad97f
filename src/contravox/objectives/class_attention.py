"""Class-aware attention: how much a segment looks like its own speaker."""

from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from contravox.objectives.checks import check_positive, check_prototypes
from contravox.objectives.classifier import class_logits
from contravox.precision import full_precision
from contravox.settings import Positive, Settings

AttentionForm = Literal["weight", "logit"]
AttentionOn = Literal["negatives", "all"]
AttentionScale = Literal["relative", "absolute"]


@full_precision
def class_attention(
    embeddings: Tensor,
    labels: Tensor,
    prototypes: Tensor,
    *,
    sigma: float = 0.18,
    differentiate: bool = False,
) -> Tensor:
    """Attention (N,), 0 to 1, of embeddings (N, d) with labels (N,), from prototypes (K, d).

    a_i = softmax_k(cos(z_i, w_k)/sigma) at k = y_i: Wang et al. 2019 (arXiv 1811.01459), as Li,
    Mak and Meng 2023 (arXiv 2210.16622) use it. No gradient flows through it unless asked for:
    otherwise attention could be lowered to lower the loss. Of sub-centres (K, C, d) the nearest
    counts.

    Raises ValueError for shapes that disagree, vectors that are not finite, a label outside the
    prototypes, or a sigma that is not positive.
    """
    check_prototypes(embeddings, labels, prototypes)
    check_positive("sigma", sigma)
    if not differentiate:
        embeddings, prototypes = embeddings.detach(), prototypes.detach()
    logits = class_logits(embeddings, prototypes, 1 / sigma)
    return logits.softmax(dim=1).gather(1, labels.long()[:, None]).squeeze(1)


def log_attention(attention: Tensor) -> Tensor:
    """The logarithm of attention, finite for a pair that nobody attends."""
    return attention.clamp(min=torch.finfo(torch.float32).tiny).log()


def attention_means(attention: Tensor, labels: Tensor, tile: int) -> Tensor:
    """The mean of min(a_i, a_j) over the negatives j of each i, (N,); 1 for one without any.

    attention, labels: (N,). tile: anchors compared with all others at a time; memory is
    O(tile·N), backwards too.
    """
    _, label, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    negatives = len(labels) - counts[label]

    def sums(own: Tensor, own_labels: Tensor) -> Tensor:
        positive = own_labels[:, None] == labels
        return torch.minimum(own[:, None], attention).masked_fill_(positive, 0).sum(dim=1)

    if attention.requires_grad and tile < len(labels):
        sums = partial(checkpoint, sums, use_reentrant=False, preserve_rng_state=False)
    parts = zip(attention.split(tile), labels.split(tile), strict=True)
    totals = torch.cat([sums(*part) for part in parts])
    return torch.where(negatives > 0, totals / negatives.clamp(min=1), 1)


class ClassAttentionSettings(Settings):
    """sigma: temperature of the attention (0.18 in Wang et al.).

    form: whether attention weighs a pair's exponential or scales its logit.
    on: whether negatives only or all pairs are attended.
    scale: whether a pair's attention is divided by its mean over the anchor's negatives, or taken
    as it is, the smaller the more speakers there are.
    differentiate: whether gradients flow through the attention.
    """

    sigma: Positive = 0.18
    form: AttentionForm = "weight"
    on: AttentionOn = "negatives"
    scale: AttentionScale = "relative"
    differentiate: bool = False
