"""Prototypical losses: find a sample's segment by the mean of its other segments."""

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
def prototypical_loss(embeddings: Tensor) -> Tensor:
    """Prototypical loss of embeddings (N, views, d), not normalised: a scalar.

    The last view of a sample is the query q_i, the mean of the others its prototype c_i; the mean
    over i of −log softmax_j(−‖q_i − c_j‖²) at j = i: Snell et al. 2017 (arXiv 1703.05175,
    equation 2), with query and support as in Chung et al. 2020 (arXiv 2003.11982).

    Raises ValueError for another shape, fewer than two views, or embeddings that are not finite.
    """
    queries, prototypes = _queries_and_prototypes(embeddings)
    # The term ‖q_i‖² is left out: it is the same for all j, and the softmax takes it out.
    logits = 2 * (queries @ prototypes.T) - prototypes.square().sum(dim=1)
    return F.cross_entropy(logits, torch.arange(len(queries), device=queries.device))


@full_precision
def angular_prototypical_loss(
    embeddings: Tensor, w: Tensor | float, b: Tensor | float, *, unit_support: bool = False
) -> Tensor:
    """Angular prototypical loss of embeddings (N, views, d): a scalar.

    The last view of a sample is the query q_i, the mean of the others, as they are, its prototype
    c_i; the mean over i of −log softmax_j(w·cos(q_i, c_j) + b) at j = i: Chung et al. 2020 (arXiv
    2003.11982). The offset b cancels in the softmax. With unit_support each of the others is scaled
    to length 1 before the mean, as in the public code of Mun et al. 2020 (arXiv 2010.11433): of two
    views, nothing changes.

    Raises ValueError for another shape, fewer than two views, embeddings that are not finite, or a
    w that is not positive.
    """
    check_positive("w", w)
    queries, prototypes = _queries_and_prototypes(
        unit_vectors(embeddings) if unit_support else embeddings
    )
    similarities = w * (unit_vectors(queries) @ unit_vectors(prototypes).T) + b
    return F.cross_entropy(similarities, torch.arange(len(queries), device=queries.device))


def _queries_and_prototypes(embeddings: Tensor) -> tuple[Tensor, Tensor]:
    """The last view, (N, d), and the mean of the others, (N, d)."""
    check_views(embeddings, least=2)
    return embeddings[:, -1], embeddings[:, :-1].mean(dim=1)


class PrototypicalSettings(ObjectiveSettings):
    """Two or more segments of every speaker in a batch."""

    name: Literal["prototypical"] = "prototypical"

    def build(self, site: Site) -> "Prototypical":
        return Prototypical(self)


class Prototypical(Objective[PrototypicalSettings]):
    """``prototypical_loss`` of the encoder's embedding."""

    by_angle = False

    def forward(self, segments: Segments) -> Tensor:
        return prototypical_loss(segments.by_view(least=2))


class AngularPrototypicalSettings(ObjectiveSettings):
    """Two or more segments of every speaker (or utterance) in a batch.

    unit_support: whether a prototype is the mean of unit vectors.
    """

    name: Literal["angular_prototypical"] = "angular_prototypical"
    unit_support: bool = False

    def build(self, site: Site) -> "AngularPrototypical":
        return AngularPrototypical(self)


class AngularPrototypical(Objective[AngularPrototypicalSettings]):
    """``angular_prototypical_loss`` of the encoder's embedding, with its own w and b."""

    def __init__(self, settings: AngularPrototypicalSettings) -> None:
        super().__init__(settings)
        self.scale = LearnedScale()

    def forward(self, segments: Segments) -> Tensor:
        return angular_prototypical_loss(
            segments.by_view(least=2),
            self.scale.w,
            self.scale.b,
            unit_support=self.settings.unit_support,
        )
