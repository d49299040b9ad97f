"""What AAM-softmax and AM-softmax share: all but the form of their margin."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from contravox.errors import RecipeError
from contravox.objectives.checks import check_positive, check_prototypes, shape
from contravox.objectives.classifier import Classifier, class_logits
from contravox.objectives.segments import Segments
from contravox.settings import NotNegative, Positive, Settings


def margin_softmax_loss(
    embeddings: Tensor,
    labels: Tensor,
    prototypes: Tensor,
    *,
    scale: float,
    lower_own: Callable[[Tensor], Tensor],
    hard_negatives: int,
    raise_hard: Callable[[Tensor], Tensor],
) -> Tensor:
    """Softmax over cosines of embeddings (N, d), labels (N,), some cosines moved: a scalar.

    The mean over i of −log softmax_k(scale·c_ik) at k = y_i, where c_iy = lower_own(cos θ_iy),
    c_ik = raise_hard(cos θ_ik) for the hard_negatives classes k ≠ y_i of the highest cosine
    (inter-topK, Zhao et al. 2021, arXiv 2110.05042), and c_ik = cos θ_ik for the others: the
    cosine with prototypes (K, d), or with the nearest of each class's C of prototypes (K, C, d).
    lower_own and raise_hard take cosines of any shape.

    Raises ValueError for shapes that disagree, vectors that are not finite, a label outside the
    prototypes, a scale that is not positive, or more hard negatives than there are other classes.
    """
    check_prototypes(embeddings, labels, prototypes)
    check_positive("scale", scale)
    if not 0 <= hard_negatives < len(prototypes):
        raise ValueError(
            f"hard_negatives: from 0 to {len(prototypes) - 1} expected for prototypes of shape "
            f"{shape(prototypes)}, got {hard_negatives}"
        )
    labels = labels.long()
    logits = class_logits(embeddings, prototypes, scale)
    own = labels[:, None]
    segments = torch.arange(len(labels), device=labels.device)[:, None]
    moves = [(own, lower_own)]
    if hard_negatives:
        others = logits.detach().scatter(1, own, -math.inf)
        moves.append((others.topk(hard_negatives).indices, raise_hard))
    for classes, move in moves:
        before = logits[segments, classes]
        after = scale * move(before / scale)
        # Added in place: setting them would copy N × K numbers in the backward pass.
        logits.index_put_((segments, classes), after - before, accumulate=True)
    return F.cross_entropy(logits, labels)


class MarginSoftmaxSettings(Settings):
    """scale is the inverse temperature of the softmax; sub_centres: prototypes of each speaker.

    hard_negatives: how many other speakers, those of the highest cosines, get
    hard_negative_margin; 0 for none.
    """

    name: str
    weight: NotNegative = 1.0
    margin: float = 0.2
    scale: Positive = 30.0
    sub_centres: int = Field(default=1, ge=1, le=100)
    hard_negatives: int = Field(default=0, ge=0, le=1_000_000)
    hard_negative_margin: float = 0.06


class MarginSoftmax(Classifier):
    """A loss with margins of the encoder's embedding, with its own prototypes.

    margin, hard_negative_margin: what the next loss uses; a margin schedule sets them between
    steps to a share of full_margin and full_hard_negative_margin.

    Raises RecipeError if there are too few classes for so many hard negatives.
    """

    loss: Callable[..., Tensor]

    def __init__(self, settings: MarginSoftmaxSettings, embedding_size: int, classes: int) -> None:
        super().__init__(embedding_size, classes, settings.sub_centres)
        if settings.hard_negatives >= classes:
            raise RecipeError(
                f"hard_negatives: {settings.hard_negatives} is more than {classes - 1}, the "
                "speakers other than a segment's own: lower it"
            )
        self.margin = self.full_margin = settings.margin
        self.scale = settings.scale
        self.hard_negatives = settings.hard_negatives
        self.hard_negative_margin = settings.hard_negative_margin
        self.full_hard_negative_margin = settings.hard_negative_margin

    def forward(self, segments: Segments) -> Tensor:
        return self.loss(
            segments.embeddings,
            segments.labels,
            self.prototypes,
            margin=self.margin,
            scale=self.scale,
            hard_negatives=self.hard_negatives,
            hard_negative_margin=self.hard_negative_margin,
        )
