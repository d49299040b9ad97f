"""Triplet loss: a positive must be nearer than a negative, for the hardest of them or for all."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from contravox.objectives.checks import check_choice, check_labelled, check_not_negative
from contravox.objectives.objective import Objective, ObjectiveSettings, Site
from contravox.objectives.segments import Segments
from contravox.objectives.unit_vectors import unit_vectors
from contravox.precision import full_precision

Mining = Literal["hardest", "all"]

SMALLEST_SQUARE = 1e-12
"""Least squared distance under a root, whose gradient at 0 is infinite."""


@full_precision
def triplet_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float = 0.2,
    mining: Mining = "hardest",
    squared: bool = True,
) -> Tensor:
    """Triplet loss of embeddings (N, d) with labels (N,): a scalar.

    max(0, D_ip − D_ia + margin), D_ij the squared distance of unit vectors as in Schroff et al.
    2015 (arXiv 1503.03832, equation 3), or with ``squared=False`` the distance.

    mining: "hardest" takes the mean over the anchors that have a positive and a negative, with the
    farthest positive p and the nearest negative a of each, as in Hermans et al. 2017 (arXiv
    1703.07737, equation 5); "all" the mean over all triplets whose loss is not zero. Zero if there
    are none.

    Raises ValueError for shapes that disagree, embeddings that are not finite, a negative margin or
    another mining.
    """
    check_labelled(embeddings, labels)
    check_not_negative("margin", margin)
    check_choice("mining", mining, get_args(Mining))
    units = unit_vectors(embeddings)
    distances = 2 - 2 * (units @ units.T)
    if not squared:
        distances = distances.clamp(min=SMALLEST_SQUARE).sqrt()
    same = labels[:, None] == labels
    positive, negative = same.clone().fill_diagonal_(False), ~same
    return (_of_hardest if mining == "hardest" else _of_all)(distances, positive, negative, margin)


def _of_hardest(distances: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    # Distances lie from 0 to 4, so these fillers are never chosen where there is a choice.
    farthest_positive = distances.masked_fill(~positive, -1).amax(dim=1)
    nearest_negative = distances.masked_fill(~negative, 5).amin(dim=1)
    losses = (farthest_positive - nearest_negative + margin).relu()
    anchors = positive.any(dim=1) & negative.any(dim=1)
    return torch.where(anchors, losses, 0).sum() / anchors.sum().clamp(min=1)


def _of_all(distances: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """In O(N² log N) and N × N numbers, however many triplets there are.

    The negatives of an anchor that are too near to a positive are the first ones in the order of
    their distances, and their losses k·(D_ip + margin) − Σ_a D_ia.
    """
    far = torch.finfo(distances.dtype).max
    ordered = distances.masked_fill(~negative, far).sort(dim=1).values
    limits = distances + margin
    counts = torch.searchsorted(ordered.detach(), limits.detach()) * positive
    # In float64, where a difference of long sums keeps what is small in it.
    sums = F.pad(ordered.masked_fill(ordered == far, 0).double().cumsum(dim=1), (1, 0))
    losses = counts * limits - sums.gather(1, counts)
    return (losses.sum() / counts.sum().clamp(min=1)).to(distances.dtype)


class TripletSettings(ObjectiveSettings):
    """margin is a difference of squared distances, which lie from 0 to 4, or of distances.

    mining, squared: see ``triplet_loss``.
    """

    name: Literal["triplet"] = "triplet"
    margin: float = Field(default=0.2, ge=0, le=4)
    mining: Mining = "hardest"
    squared: bool = True

    def build(self, site: Site) -> "Triplet":
        return Triplet(self)


class Triplet(Objective[TripletSettings]):
    """``triplet_loss`` of the encoder's embedding, or of other ``vectors`` of its segments."""

    def forward(self, segments: Segments, vectors: Tensor | None = None) -> Tensor:
        vectors = segments.embeddings if vectors is None else vectors
        return triplet_loss(
            vectors,
            segments.labels,
            margin=self.settings.margin,
            mining=self.settings.mining,
            squared=self.settings.squared,
        )
