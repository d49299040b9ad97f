"""Angular contrastive loss: find a sample's other view among the other views of all samples."""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from contravox.data.batch import Batch
from contravox.encoders.encoder import EncoderOutput
from contravox.objectives.learned_scale import LearnedScale
from contravox.objectives.precision import full_precision
from contravox.objectives.shapes import check_positive, check_views, shape
from contravox.objectives.unit_vectors import unit_vectors
from contravox.objectives.views import group_views
from contravox.settings import Settings


@full_precision
def angular_contrastive_loss(embeddings: Tensor, w: Tensor | float, b: Tensor | float) -> Tensor:
    """Angular contrastive loss of embeddings (N, 2, d), two views of N samples: a scalar.

    With S_ij = w·cos(z_i1, z_j2) + b, the mean of −log softmax_j(S_ij) and −log softmax_j(S_ji) at
    j = i, over i and both directions: Mun et al. 2020 (arXiv 2010.11433). The offset b cancels in
    the softmax and has a gradient of zero; the paper keeps it.

    Raises ValueError for another shape or a w that is not positive.
    """
    check_views(embeddings, least=2)
    if embeddings.shape[1] != 2:
        raise ValueError(f"embeddings: (N, 2, d) expected, got {shape(embeddings)}")
    check_positive("w", w)
    first, second = unit_vectors(embeddings).unbind(dim=1)
    similarities = w * (first @ second.T) + b
    own = torch.arange(len(embeddings), device=embeddings.device)
    return (F.cross_entropy(similarities, own) + F.cross_entropy(similarities.T, own)) / 2


class AngularContrastiveSettings(Settings):
    """Two segments of every speaker (or utterance) in a batch."""

    name: Literal["angular_contrastive"] = "angular_contrastive"
    weight: float = Field(default=1.0, ge=0)


class AngularContrastive(nn.Module):
    """``angular_contrastive_loss`` of the encoder's embedding, with its own w and b."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = LearnedScale()

    def forward(self, output: EncoderOutput, batch: Batch) -> Tensor:
        segments = group_views(output.embedding, batch.labels, batch.views, least=2, most=2)
        return angular_contrastive_loss(segments, self.scale.w, self.scale.b)
