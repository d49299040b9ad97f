"""AAM-softmax (ArcFace) and AM-softmax (CosFace): softmax over cosines with a margin."""

import math
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from contravox.errors import RecipeError
from contravox.objectives.angular_margin import add_angular_margin, subtract_angular_margin
from contravox.objectives.checks import (
    check_angle,
    check_not_negative,
    check_positive,
    check_prototypes,
    shape,
)
from contravox.objectives.classifier import Classifier, ClassifierSettings, class_logits
from contravox.objectives.objective import Site
from contravox.objectives.segments import Segments
from contravox.precision import full_precision
from contravox.settings import Positive


@full_precision
def aam_softmax_loss(
    embeddings: Tensor,
    labels: Tensor,
    prototypes: Tensor,
    *,
    margin: float = 0.2,
    scale: float = 30.0,
    hard_negatives: int = 0,
    hard_negative_margin: float = 0.06,
) -> Tensor:
    """AAM-softmax of embeddings (N, d), labels (N,) and prototypes (K, d): a scalar.

    The mean over i of −log softmax_k(scale·c_ik) at k = y_i, where c_ik = cos θ_ik and
    c_iy = cos(θ_iy + margin), margin in radians: ArcFace, Deng et al. 2019 (arXiv 1801.07698),
    equation 3. A margin of 0 gives the normalised softmax.

    prototypes (K, C, d) are C sub-centres of each class, of which the nearest gives cos θ_ik: Deng
    et al. 2020 (Sub-center ArcFace, ECCV). For the hard_negatives other classes of the highest
    cosine c_ik = cos(θ_ik − hard_negative_margin), in radians: inter-topK, Zhao et al. 2021 (arXiv
    2110.05042).

    Raises ValueError for shapes that disagree, vectors that are not finite, a label outside the
    prototypes, a scale that is not positive, a margin outside 0 to π/2, or more hard negatives than
    there are other classes.
    """
    check_angle("hard_negative_margin", hard_negative_margin)
    return _margin_softmax(
        embeddings,
        labels,
        prototypes,
        scale,
        hard_negatives,
        lower_own=lambda cosine: add_angular_margin(cosine, margin),
        raise_hard=lambda cosine: subtract_angular_margin(cosine, hard_negative_margin),
    )


@full_precision
def am_softmax_loss(
    embeddings: Tensor,
    labels: Tensor,
    prototypes: Tensor,
    *,
    margin: float = 0.2,
    scale: float = 30.0,
    hard_negatives: int = 0,
    hard_negative_margin: float = 0.06,
) -> Tensor:
    """AM-softmax of embeddings (N, d), labels (N,) and prototypes (K, d): a scalar.

    ``aam_softmax_loss`` with margins of cosines, c_iy = cos θ_iy − margin: CosFace, Wang et al.
    2018 (arXiv 1801.09414), equation 4; of hard negatives c_ik = cos θ_ik + hard_negative_margin.
    Its errors are the same, but that a margin must only not be negative.
    """
    check_not_negative("margin", margin)
    check_not_negative("hard_negative_margin", hard_negative_margin)
    return _margin_softmax(
        embeddings,
        labels,
        prototypes,
        scale,
        hard_negatives,
        lower_own=lambda cosine: cosine - margin,
        raise_hard=lambda cosine: cosine + hard_negative_margin,
    )


def _margin_softmax(
    embeddings: Tensor,
    labels: Tensor,
    prototypes: Tensor,
    scale: float,
    hard_negatives: int,
    *,
    lower_own: Callable[[Tensor], Tensor],
    raise_hard: Callable[[Tensor], Tensor],
) -> Tensor:
    """With the margins of cosines of any shape, of their own class and of hard negatives."""
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


class MarginSoftmaxSettings(ClassifierSettings):
    """Of both losses."""

    margin: float = 0.2
    scale: Positive = Field(30.0, description="inverse temperature of the softmax")
    sub_centres: int = Field(1, ge=1, le=100, description="prototypes of each speaker")
    hard_negatives: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="other speakers, those of the highest cosines, with hard_negative_margin",
    )
    hard_negative_margin: float = 0.06


class AamSoftmaxSettings(MarginSoftmaxSettings):
    """margin and hard_negative_margin in radians."""

    name: Literal["aam_softmax"] = "aam_softmax"
    margin: float = Field(default=0.2, ge=0, le=math.pi / 2)
    hard_negative_margin: float = Field(default=0.06, ge=0, le=math.pi / 2)

    def build(self, site: Site) -> "MarginSoftmax":
        return MarginSoftmax(self, site, aam_softmax_loss)


class AmSoftmaxSettings(MarginSoftmaxSettings):
    """margin and hard_negative_margin are differences of cosines."""

    name: Literal["am_softmax"] = "am_softmax"
    margin: float = Field(default=0.2, ge=0, le=2)
    hard_negative_margin: float = Field(default=0.06, ge=0, le=2)

    def build(self, site: Site) -> "MarginSoftmax":
        return MarginSoftmax(self, site, am_softmax_loss)


class MarginSoftmax(Classifier[MarginSoftmaxSettings]):
    """A loss with margins of the encoder's embedding, with its own prototypes.

    Raises RecipeError if there are too few classes for so many hard negatives.
    """

    def __init__(
        self, settings: MarginSoftmaxSettings, site: Site, loss: Callable[..., Tensor]
    ) -> None:
        super().__init__(settings, site, settings.sub_centres)
        if settings.hard_negatives >= site.classes:
            raise RecipeError(
                f"hard_negatives: {settings.hard_negatives} is more than {site.classes - 1}, the "
                "speakers other than a segment's own: lower it"
            )
        self.loss = loss

    def forward(self, segments: Segments) -> Tensor:
        return self.loss(
            segments.embeddings,
            segments.labels,
            self.prototypes,
            margin=self.margin_share * self.settings.margin,
            scale=self.settings.scale,
            hard_negatives=self.settings.hard_negatives,
            hard_negative_margin=self.margin_share * self.settings.hard_negative_margin,
        )
