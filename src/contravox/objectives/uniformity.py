"""Uniformity: embeddings of different samples spread evenly over the sphere."""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from contravox.data.batch import Batch
from contravox.encoders.encoder import EncoderOutput
from contravox.objectives.precision import full_precision
from contravox.objectives.shapes import check_positive, check_views
from contravox.objectives.unit_vectors import unit_vectors
from contravox.objectives.views import group_views
from contravox.settings import Settings

Pairs = Literal["within_views", "negatives", "all"]


@full_precision
def uniformity_loss(embeddings: Tensor, *, t: float = 2.0, pairs: Pairs = "within_views") -> Tensor:
    """Uniformity of embeddings (N, views, d) of N samples: a scalar, at most 0.

    log mean exp(−t‖ẑ_i − ẑ_j‖²) over pairs i < j: Wang and Isola 2020 (arXiv 2005.10242, section
    4.1), with the pairs of Mun et al. 2020 (arXiv 2010.11433):

    - "within_views": pairs of one view, and the mean of the loss over views;
    - "negatives": pairs of two samples, of any views;
    - "all": every pair of segments, of one sample too.

    Zero if there is no such pair. Raises ValueError for another shape or a t that is not positive.
    """
    check_views(embeddings, least=1)
    check_positive("t", t)
    samples, views, size = embeddings.shape
    units = unit_vectors(embeddings)
    if pairs == "within_views":
        sets = units.transpose(0, 1)
    else:
        sets = units.reshape(1, samples * views, size)
    # ‖ẑ_i − ẑ_j‖² = 2 − 2cos θ_ij for unit vectors.
    exponents = t * (2 * (sets @ sets.transpose(1, 2)) - 2)
    counted = torch.ones_like(exponents[0], dtype=torch.bool).triu(diagonal=1)
    if pairs == "negatives":
        sample = torch.arange(samples, device=embeddings.device).repeat_interleave(views)
        counted &= sample[:, None] != sample
    count = int(counted.sum())
    if count == 0:
        return embeddings.sum() * 0
    log_sums = exponents.masked_fill(~counted, -torch.inf).logsumexp(dim=(1, 2))
    return log_sums.mean() - math.log(count)


class UniformitySettings(Settings):
    """t: how local the repulsion is; pairs: see ``uniformity_loss``."""

    name: Literal["uniformity"] = "uniformity"
    weight: float = Field(default=1.0, ge=0)
    t: float = Field(default=2.0, gt=0)
    pairs: Pairs = "within_views"


class Uniformity(nn.Module):
    """``uniformity_loss`` of the encoder's embedding."""

    def __init__(self, settings: UniformitySettings) -> None:
        super().__init__()
        self.t = settings.t
        self.pairs = settings.pairs

    def forward(self, output: EncoderOutput, batch: Batch) -> Tensor:
        segments = group_views(output.embedding, batch.labels, batch.views)
        return uniformity_loss(segments, t=self.t, pairs=self.pairs)
