"""Angular contrastive loss: find a sample's other view among the other views of all samples."""

from typing import Literal

import torch
from torch import Tensor

from contravox.objectives.checks import check_positive, check_views, shape
from contravox.objectives.learned_scale import LearnedScale
from contravox.objectives.negatives import negative_log_sums, tile_of
from contravox.objectives.objective import Objective, ObjectiveSettings, Site
from contravox.objectives.segments import Segments
from contravox.objectives.unit_vectors import unit_vectors
from contravox.precision import full_precision


@full_precision
def angular_contrastive_loss(
    embeddings: Tensor, w: Tensor | float, b: Tensor | float, *, tile: int | None = None
) -> Tensor:
    """Angular contrastive loss of embeddings (N, 2, d), two views of N samples: a scalar.

    With S_ij = w·cos(z_i1, z_j2) + b, the mean of −log softmax_j(S_ij) and −log softmax_j(S_ji) at
    j = i, over i and both directions: Mun et al. 2020 (arXiv 2010.11433). The offset b cancels in
    the softmax and has a gradient of zero; the paper keeps it.

    tile: segments compared with all others at a time, chosen by N unless given; the loss is the
    same, the memory O(N·d + tile·N).

    Raises ValueError for another shape, embeddings that are not finite, or a w or a tile that is
    not positive.
    """
    check_views(embeddings, least=2)
    if embeddings.shape[1] != 2:
        raise ValueError(f"embeddings: (N, 2, d) expected, got {shape(embeddings)}")
    check_positive("w", w)
    first, second = unit_vectors(embeddings).unbind(dim=1)
    own = w * (first * second).sum(dim=1) + b
    # Labelled by its view, a segment's negatives are all segments of the other view.
    samples = len(embeddings)
    views = torch.arange(2, device=embeddings.device).repeat_interleave(samples)
    vectors = torch.cat([first, second]) * torch.as_tensor(w, dtype=first.dtype).sqrt()
    # In tiles of one view, so that no similarity within a view is computed.
    tile = min(tile_of(vectors, tile), samples)
    log_sums = negative_log_sums(vectors, views, tile=tile) + b
    return log_sums.mean() - own.mean()


class AngularContrastiveSettings(ObjectiveSettings):
    """Two segments of every speaker (or utterance) in a batch."""

    name: Literal["angular_contrastive"] = "angular_contrastive"

    def build(self, site: Site) -> "AngularContrastive":
        return AngularContrastive(self)


class AngularContrastive(Objective[AngularContrastiveSettings]):
    """``angular_contrastive_loss`` of the encoder's embedding, with its own w and b."""

    def __init__(self, settings: AngularContrastiveSettings) -> None:
        super().__init__(settings)
        self.scale = LearnedScale()

    def forward(self, segments: Segments) -> Tensor:
        views = segments.by_view(least=2, most=2)
        return angular_contrastive_loss(views, self.scale.w, self.scale.b)
