"""Generalised end-to-end loss: every segment finds its speaker's centroid."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from contravox.objectives.checks import check_positive, check_views
from contravox.objectives.learned_scale import LearnedScale
from contravox.objectives.objective import Objective, ObjectiveSettings, Site
from contravox.objectives.segments import Segments
from contravox.objectives.unit_vectors import unit_vectors
from contravox.precision import full_precision


@full_precision
def ge2e_loss(embeddings: Tensor, w: Tensor | float, b: Tensor | float) -> Tensor:
    """GE2E loss, softmax form, of embeddings (N, views, d) of N speakers: a scalar.

    −log softmax_k(w·cos(ẑ_ji, c_k) + b) at k = j, where c_k is the mean of the unit vectors of
    speaker k, for k = j without ẑ_ji itself: Wan et al. 2018 (arXiv 1710.10467, equations 5, 6, 8
    and 9). The mean over segments stands for the paper's sum, so that the loss does not grow with
    the batch.

    Raises ValueError for another shape, fewer than two views, embeddings that are not finite, or a
    w that is not positive.
    """
    check_views(embeddings, least=2)
    check_positive("w", w)
    speakers, views, _ = embeddings.shape
    units = unit_vectors(embeddings)
    sums = units.sum(dim=1)
    # The direction of a sum is that of the mean.
    cosines = units.flatten(0, 1) @ unit_vectors(sums).T
    others = unit_vectors(sums[:, None] - units)
    own_cosines = (units * others).sum(dim=2).reshape(-1, 1)
    own = torch.arange(speakers, device=embeddings.device).repeat_interleave(views)
    return F.cross_entropy(w * cosines.scatter(1, own[:, None], own_cosines) + b, own)


class Ge2eSettings(ObjectiveSettings):
    """Two or more segments of every speaker in a batch."""

    name: Literal["ge2e"] = "ge2e"

    def build(self, site: Site) -> "Ge2e":
        return Ge2e(self)


class Ge2e(Objective[Ge2eSettings]):
    """``ge2e_loss`` of the encoder's embedding, with its own w and b."""

    def __init__(self, settings: Ge2eSettings) -> None:
        super().__init__(settings)
        self.scale = LearnedScale()

    def forward(self, segments: Segments) -> Tensor:
        return ge2e_loss(segments.by_view(least=2), self.scale.w, self.scale.b)
