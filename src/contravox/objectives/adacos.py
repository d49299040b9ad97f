"""AdaCos: softmax over cosines whose scale follows the training."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from contravox.objectives.checks import check_positive, check_prototypes
from contravox.objectives.classifier import Classifier, ClassifierSettings, class_logits
from contravox.objectives.objective import Site
from contravox.objectives.segments import Segments
from contravox.precision import full_precision

# The paper's scales are zero for two classes, and with few classes may become negative. At 1 two
# classes still learn: the softmax of cosines of 1 and -1 is then 0.88.
SMALLEST_SCALE = 1.0


@full_precision
def adacos_loss(
    embeddings: Tensor, labels: Tensor, prototypes: Tensor, *, scale: Tensor | float
) -> Tensor:
    """Normalised softmax of embeddings (N, d), labels (N,), prototypes (K, d): a scalar.

    The mean over i of −log softmax_k(scale·cos θ_ik) at k = y_i: Zhang et al. 2019 (AdaCos, arXiv
    1905.00292), equation 1, with the scale of ``fixed_adacos_scale`` or ``adacos_scale``.

    Raises ValueError for shapes that disagree, vectors that are not finite, a label outside the
    prototypes, or a scale that is not positive.
    """
    check_prototypes(embeddings, labels, prototypes)
    check_positive("scale", scale)
    return F.cross_entropy(class_logits(embeddings, prototypes, scale), labels.long())


def fixed_adacos_scale(classes: int) -> float:
    """√2·log(K − 1) for K classes, and at least 1.

    Fixed AdaCos, Zhang et al. 2019 (arXiv 1905.00292), section 4; where the dynamic scale starts.
    """
    return max(SMALLEST_SCALE, math.sqrt(2) * math.log(max(classes - 1, 1)))


@full_precision
@torch.no_grad()
def adacos_scale(
    embeddings: Tensor, labels: Tensor, prototypes: Tensor, *, scale: Tensor | float
) -> Tensor:
    """The scale that follows ``scale``, from a batch: a scalar, at least 1, without a gradient.

    log B_avg / cos(min(π/4, θ_med)), where B_avg is the mean over i of
    Σ_{k≠y_i} exp(scale·cos θ_ik) and θ_med the median of θ_iy: dynamic AdaCos, Zhang et al. 2019
    (arXiv 1905.00292), section 4. Arguments and errors are those of ``adacos_loss``.
    """
    check_prototypes(embeddings, labels, prototypes)
    check_positive("scale", scale)
    logits = class_logits(embeddings, prototypes, scale)
    own = labels.long()[:, None]
    angle = (logits.gather(1, own) / scale).clamp(-1, 1).acos().quantile(0.5)
    log_average = logits.scatter_(1, own, -math.inf).flatten().logsumexp(0) - math.log(len(labels))
    return (log_average / angle.clamp(max=math.pi / 4).cos()).clamp(min=SMALLEST_SCALE)


class AdaCosSettings(ClassifierSettings):
    """dynamic: whether the scale follows the training; otherwise it stays at √2·log(K − 1)."""

    name: Literal["adacos"] = "adacos"
    dynamic: bool = True

    def build(self, site: Site) -> "AdaCos":
        return AdaCos(self, site)


class AdaCos(Classifier[AdaCosSettings]):
    """``adacos_loss`` on the encoder's embedding, with its own prototypes.

    scale: buffer, a scalar, and so part of a checkpoint. Each step in training mode sets it from
    the batch, before the loss uses it.
    """

    per_segment = False  # Its scale is that of the whole batch.
    scale: Tensor

    def __init__(self, settings: AdaCosSettings, site: Site) -> None:
        super().__init__(settings, site)
        self.register_buffer("scale", torch.tensor(fixed_adacos_scale(site.classes)))

    def forward(self, segments: Segments) -> Tensor:
        batch = segments.embeddings, segments.labels, self.prototypes
        scale = self.scale
        if self.settings.dynamic and self.training:
            scale = adacos_scale(*batch, scale=scale)
            self.scale.copy_(scale)
        return adacos_loss(*batch, scale=scale)
