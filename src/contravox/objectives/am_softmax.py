"""AM-softmax (CosFace): softmax over cosines with an additive cosine margin."""

from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from contravox.data.batch import Batch
from contravox.encoders.encoder import EncoderOutput
from contravox.objectives.classifier import Classifier
from contravox.objectives.precision import full_precision
from contravox.objectives.shapes import check_positive, check_prototypes
from contravox.objectives.unit_vectors import unit_vectors
from contravox.settings import Settings


@full_precision
def am_softmax_loss(
    embeddings: Tensor,
    labels: Tensor,
    prototypes: Tensor,
    *,
    margin: float = 0.2,
    scale: float = 30.0,
) -> Tensor:
    """AM-softmax of embeddings (N, d), labels (N,) and prototypes (K, d): a scalar.

    The mean over i of −log softmax_k(scale·c_ik) at k = y_i, where c_ik = cos θ_ik and
    c_iy = cos θ_iy − margin: CosFace, Wang et al. 2018 (arXiv 1801.09414), equation 4.

    Raises ValueError for shapes that disagree, a label outside the prototypes, or a scale that is
    not positive.
    """
    check_prototypes(embeddings, labels, prototypes)
    check_positive("scale", scale)
    cosines = unit_vectors(embeddings) @ unit_vectors(prototypes).T
    own = labels[:, None]
    with_margin = cosines.gather(1, own) - margin
    return F.cross_entropy(scale * cosines.scatter(1, own, with_margin), labels)


class AmSoftmaxSettings(Settings):
    """margin is a difference of cosines; scale is the inverse temperature of the softmax."""

    name: Literal["am_softmax"] = "am_softmax"
    weight: float = Field(default=1.0, ge=0)
    margin: float = Field(default=0.2, ge=0, le=2)
    scale: float = Field(default=30.0, gt=0)


class AmSoftmax(Classifier):
    """``am_softmax_loss`` on the encoder's embedding, with its own prototypes."""

    def __init__(self, settings: AmSoftmaxSettings, embedding_size: int, classes: int) -> None:
        super().__init__(embedding_size, classes, settings.margin)
        self.scale = settings.scale

    def forward(self, output: EncoderOutput, batch: Batch) -> Tensor:
        return am_softmax_loss(
            output.embedding, batch.labels, self.prototypes, margin=self.margin, scale=self.scale
        )
