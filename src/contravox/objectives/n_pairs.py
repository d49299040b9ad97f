"""N-pairs: one pair of every label, each anchor among the positives of all."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from contravox.objectives.checks import check_labelled
from contravox.objectives.objective import Objective, ObjectiveSettings, Site
from contravox.objectives.segments import Segments
from contravox.objectives.unit_vectors import unit_vectors
from contravox.precision import full_precision


@full_precision
def n_pairs_loss(embeddings: Tensor, labels: Tensor, *, normalise: bool = False) -> Tensor:
    """N-pairs loss of embeddings (N, d) with labels (N,): a scalar.

    The first two segments of each label that has two are its anchor a_i and its positive p_i; the
    mean over these labels of −log softmax_j(a_i·p_j) at j = i: Sohn 2016, *Improved deep metric
    learning with multi-class N-pair loss objective* (NIPS, equation 5), without the penalty on
    lengths. Embeddings are taken as they are, or with normalise at length 1. Zero if no label has
    two.

    Raises ValueError for shapes that disagree or embeddings that are not finite.
    """
    check_labelled(embeddings, labels)
    if normalise:
        embeddings = unit_vectors(embeddings)
    order = labels.argsort(stable=True)
    counts = torch.unique_consecutive(labels[order], return_counts=True)[1]
    starts = (counts.cumsum(dim=0) - counts)[counts > 1]
    if len(starts) == 0:
        return embeddings.sum() * 0
    anchors, positives = embeddings[order[starts]], embeddings[order[starts + 1]]
    return F.cross_entropy(anchors @ positives.T, torch.arange(len(starts), device=labels.device))


class NPairsSettings(ObjectiveSettings):
    """Two segments of some labels in a batch, or more, of which two are taken.

    normalise: whether products are of unit vectors, as in pytorch-metric-learning and so in the
    public code of MFCon.
    """

    name: Literal["n_pairs"] = "n_pairs"
    normalise: bool = False

    def build(self, site: Site) -> "NPairs":
        return NPairs(self)


class NPairs(Objective[NPairsSettings]):
    """``n_pairs_loss`` of the encoder's embedding, or of other ``vectors`` of its segments."""

    def forward(self, segments: Segments, vectors: Tensor | None = None) -> Tensor:
        vectors = segments.embeddings if vectors is None else vectors
        return n_pairs_loss(vectors, segments.labels, normalise=self.settings.normalise)
