"""Triplet loss with the hardest positive and the hardest negative of the batch."""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from contravox.objectives.positives import mean_over_anchors, positive_pairs
from contravox.objectives.segments import Segments
from contravox.objectives.shapes import check_labelled, check_not_negative
from contravox.objectives.unit_vectors import unit_vectors
from contravox.precision import full_precision
from contravox.settings import Settings


@full_precision
def triplet_loss(embeddings: Tensor, labels: Tensor, *, margin: float = 0.2) -> Tensor:
    """Triplet loss of embeddings (N, d) with labels (N,): a scalar.

    The mean of max(0, max_p ‖ẑ_i − ẑ_p‖² − min_a ‖ẑ_i − ẑ_a‖² + margin) over the anchors that have
    a positive p and a negative a: squared distances of unit vectors as in Schroff et al. 2015
    (arXiv 1503.03832, equation 3), the hardest of each as in Hermans et al. 2017 (arXiv
    1703.07737, equation 5). Zero if there is no such anchor.

    Raises ValueError for shapes that disagree, embeddings that are not finite or a negative margin.
    """
    check_labelled(embeddings, labels)
    check_not_negative("margin", margin)
    units = unit_vectors(embeddings)
    distances = 2 - 2 * (units @ units.T)
    positive = positive_pairs(labels)
    negative = labels[:, None] != labels
    # Distances lie from 0 to 4, so these fillers are never chosen where there is a choice.
    farthest_positive = distances.masked_fill(~positive, -1).amax(dim=1)
    nearest_negative = distances.masked_fill(~negative, 5).amin(dim=1)
    losses = (farthest_positive - nearest_negative + margin).relu()
    return mean_over_anchors(losses, positive.any(dim=1) & negative.any(dim=1))


class TripletSettings(Settings):
    """margin is a difference of squared distances, which lie from 0 to 4."""

    name: Literal["triplet"] = "triplet"
    weight: float = Field(default=1.0, ge=0)
    margin: float = Field(default=0.2, ge=0, le=4)


class Triplet(nn.Module):
    """``triplet_loss`` of the encoder's embedding, or of other ``vectors`` of its segments."""

    def __init__(self, settings: TripletSettings) -> None:
        super().__init__()
        self.margin = settings.margin

    def forward(self, segments: Segments, vectors: Tensor | None = None) -> Tensor:
        vectors = segments.embeddings if vectors is None else vectors
        return triplet_loss(vectors, segments.labels, margin=self.margin)
