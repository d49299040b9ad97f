"""AAM-softmax (ArcFace): softmax over cosines with an additive angular margin."""

import math
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from contravox.data.batch import Batch
from contravox.encoders.encoder import EncoderOutput
from contravox.objectives.angular_margin import add_angular_margin
from contravox.objectives.classifier import Classifier
from contravox.objectives.precision import full_precision
from contravox.objectives.shapes import check_positive, check_prototypes
from contravox.objectives.unit_vectors import unit_vectors
from contravox.settings import Settings


@full_precision
def aam_softmax_loss(
    embeddings: Tensor,
    labels: Tensor,
    prototypes: Tensor,
    *,
    margin: float = 0.2,
    scale: float = 30.0,
) -> Tensor:
    """AAM-softmax of embeddings (N, d), labels (N,) and prototypes (K, d): a scalar.

    The mean over i of −log softmax_k(scale·c_ik) at k = y_i, where c_ik = cos θ_ik and
    c_iy = cos(θ_iy + margin), margin in radians: ArcFace, Deng et al. 2019 (arXiv 1801.07698),
    equation 3. A margin of 0 gives the normalised softmax.

    Raises ValueError for shapes that disagree, a label outside the prototypes, a scale that is not
    positive or a margin outside 0 to π/2.
    """
    check_prototypes(embeddings, labels, prototypes)
    check_positive("scale", scale)
    cosines = unit_vectors(embeddings) @ unit_vectors(prototypes).T
    own = labels[:, None]
    with_margin = add_angular_margin(cosines.gather(1, own), margin)
    return F.cross_entropy(scale * cosines.scatter(1, own, with_margin), labels)


class AamSoftmaxSettings(Settings):
    """margin in radians; scale is the inverse temperature of the softmax."""

    name: Literal["aam_softmax"] = "aam_softmax"
    weight: float = Field(default=1.0, ge=0)
    margin: float = Field(default=0.2, ge=0, le=math.pi / 2)
    scale: float = Field(default=30.0, gt=0)


class AamSoftmax(Classifier):
    """``aam_softmax_loss`` on the encoder's embedding, with its own prototypes."""

    def __init__(self, settings: AamSoftmaxSettings, embedding_size: int, classes: int) -> None:
        super().__init__(embedding_size, classes, settings.margin)
        self.scale = settings.scale

    def forward(self, output: EncoderOutput, batch: Batch) -> Tensor:
        return aam_softmax_loss(
            output.embedding, batch.labels, self.prototypes, margin=self.margin, scale=self.scale
        )
