"""SphereFace2: of each speaker, one yes-or-no question in place of a softmax over all."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from contravox.objectives.checks import check_not_negative, check_positive, check_prototypes
from contravox.objectives.classifier import Classifier, ClassifierSettings, class_logits
from contravox.objectives.objective import Site
from contravox.objectives.segments import Segments
from contravox.precision import full_precision
from contravox.settings import Positive


@full_precision
def sphereface2_loss(
    embeddings: Tensor,
    labels: Tensor,
    prototypes: Tensor,
    *,
    bias: Tensor | float = 0.0,
    margin: float = 0.2,
    scale: float = 32.0,
    positive_weight: float = 0.7,
    exponent: float = 3.0,
) -> Tensor:
    """SphereFace2 of embeddings (N, d), labels (N,) and prototypes (K, d): a scalar.

    The mean over i, with λ = positive_weight and softplus x = log(1 + eˣ), of
    λ·softplus(−s·(g_iy − margin) − bias) + (1 − λ)·Σ_{k≠y} softplus(s·(g_ik + margin) + bias),
    where g_ik = 2·((cos θ_ik + 1)/2)^exponent − 1 pulls the cosines of others, which crowd around
    0, down: Wen et al. 2022 (arXiv 2108.01513), with the margin of cosines; for speakers Han et al.
    2023 (arXiv 2307.08205). Wen et al. divide by s, which is left to the objective's weight.

    Raises ValueError for shapes that disagree, vectors that are not finite, a label outside the
    prototypes, a scale that is not positive, a negative margin, an exponent below 1, or a
    positive_weight outside 0 to 1.
    """
    check_prototypes(embeddings, labels, prototypes)
    check_positive("scale", scale)
    if exponent < 1:
        raise ValueError(f"exponent: 1 or more expected, got {exponent}")
    check_not_negative("margin", margin)
    if not 0 <= positive_weight <= 1:
        raise ValueError(f"positive_weight: from 0 to 1 expected, got {positive_weight}")
    # A cosine of rounded vectors may be a little below −1, which has no fractional power.
    cosines = class_logits(embeddings, prototypes, 1.0).clamp(min=-1)
    logits = scale * (2 * ((cosines + 1) / 2) ** exponent - 1) + bias
    own = labels.long()[:, None]
    positive = F.softplus(scale * margin - logits.gather(1, own))
    # Its own speaker's is masked, not subtracted: beside it the others' would be rounded away.
    others = F.softplus(logits.scatter(1, own, -math.inf) + scale * margin)
    each = positive_weight * positive[:, 0] + (1 - positive_weight) * others.sum(dim=1)
    return each.mean()


class SphereFace2Settings(ClassifierSettings):
    """margin is a difference of what the exponent makes of cosines."""

    name: Literal["sphereface2"] = "sphereface2"
    margin: float = Field(0.2, ge=0, le=2)
    scale: Positive = 32.0
    positive_weight: float = Field(
        0.7, ge=0, le=1, description="λ: of a segment's own speaker; the others have 1 − λ in all"
    )
    exponent: float = Field(
        3.0, ge=1, le=100, description="pulls cosines of others down; 1 leaves them as they are"
    )

    def build(self, site: Site) -> "SphereFace2":
        return SphereFace2(self, site)


class SphereFace2(Classifier[SphereFace2Settings]):
    """``sphereface2_loss`` on the encoder's embedding, with its own prototypes.

    bias: parameter, a scalar, that all questions share.
    """

    def __init__(self, settings: SphereFace2Settings, site: Site) -> None:
        super().__init__(settings, site)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, segments: Segments) -> Tensor:
        return sphereface2_loss(
            segments.embeddings,
            segments.labels,
            self.prototypes,
            bias=self.bias,
            margin=self.margin_share * self.settings.margin,
            scale=self.settings.scale,
            positive_weight=self.settings.positive_weight,
            exponent=self.settings.exponent,
        )
