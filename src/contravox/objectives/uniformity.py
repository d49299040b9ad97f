"""Uniformity: embeddings of different samples spread evenly over the sphere."""

import math
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from contravox.objectives.checks import check_choice, check_positive, check_views
from contravox.objectives.negatives import negative_log_sums, tile_of
from contravox.objectives.objective import Objective, ObjectiveSettings, Site
from contravox.objectives.segments import Segments
from contravox.objectives.unit_vectors import unit_vectors
from contravox.precision import full_precision
from contravox.settings import Positive

Pairs = Literal["within_views", "negatives", "all"]


@full_precision
def uniformity_loss(
    embeddings: Tensor,
    *,
    t: float = 2.0,
    pairs: Pairs = "within_views",
    tile: int | None = None,
) -> Tensor:
    """Uniformity of embeddings (N, views, d) of N samples: a scalar, at most 0.

    log mean exp(−t‖ẑ_i − ẑ_j‖²) over pairs i < j: Wang and Isola 2020 (arXiv 2005.10242, section
    4.1), with the pairs of Mun et al. 2020 (arXiv 2010.11433):

    - "within_views": pairs of one view, and the mean of the loss over views;
    - "negatives": pairs of two samples, of any views;
    - "all": every pair of segments, of one sample too.

    Zero if there is no such pair. tile: segments compared with all others at a time, chosen by N
    unless given; the loss is the same, the memory O(N·d + tile·N).

    Raises ValueError for another shape, embeddings that are not finite, or a t or a tile that is
    not positive.
    """
    check_views(embeddings, least=1)
    check_positive("t", t)
    check_choice("pairs", pairs, get_args(Pairs))
    samples, views, _ = embeddings.shape
    # ‖ẑ_i − ẑ_j‖² = 2 − 2cos θ_ij: with vectors of length √(2t), −t‖ẑ_i − ẑ_j‖² = x_i·x_j − 2t.
    vectors = unit_vectors(embeddings, math.sqrt(2 * t))
    sample = torch.arange(samples, device=embeddings.device)
    if pairs == "within_views":
        sets = [(of_one_view, sample) for of_one_view in vectors.unbind(dim=1)]
        counted = samples * (samples - 1)
    else:
        segments = torch.arange(samples * views, device=embeddings.device)
        apart = sample.repeat_interleave(views) if pairs == "negatives" else segments
        sets = [(vectors.flatten(0, 1), apart)]
        counted = samples * views * (samples * views - (views if pairs == "negatives" else 1))
    if counted == 0:
        return embeddings.sum() * 0
    log_sums = [
        negative_log_sums(of_set, apart, tile=tile_of(of_set, tile)).logsumexp(dim=0)
        for of_set, apart in sets
    ]
    return torch.stack(log_sums).mean() - 2 * t - math.log(counted)


class UniformitySettings(ObjectiveSettings):
    """t: how local the repulsion is; pairs: see ``uniformity_loss``."""

    needs_positives: ClassVar[bool] = False

    name: Literal["uniformity"] = "uniformity"
    t: Positive = 2.0
    pairs: Pairs = "within_views"

    def build(self, site: Site) -> "Uniformity":
        return Uniformity(self)


class Uniformity(Objective[UniformitySettings]):
    """``uniformity_loss`` of the encoder's embedding."""

    def forward(self, segments: Segments) -> Tensor:
        t, pairs = self.settings.t, self.settings.pairs
        return uniformity_loss(segments.by_view(), t=t, pairs=pairs)
