"""Class-aware attention: how much a segment looks like its own speaker."""

from typing import Literal

from pydantic import Field
from torch import Tensor

from contravox.objectives.classifier import class_logits
from contravox.objectives.shapes import check_positive, check_prototypes
from contravox.precision import full_precision
from contravox.settings import Settings

AttentionForm = Literal["weight", "logit"]
AttentionOn = Literal["negatives", "all"]


@full_precision
def class_attention(
    embeddings: Tensor,
    labels: Tensor,
    prototypes: Tensor,
    *,
    sigma: float = 1.0,
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


class ClassAttentionSettings(Settings):
    """sigma: temperature of the attention (0.18 in Wang et al.).

    form: whether attention weighs a pair's exponential or scales its logit.
    on: whether negatives only or all pairs are attended.
    differentiate: whether gradients flow through the attention.
    """

    sigma: float = Field(default=1.0, gt=0)
    form: AttentionForm = "weight"
    on: AttentionOn = "negatives"
    differentiate: bool = False
