"""NT-Xent: each positive pair against the negatives of its anchor."""

import math
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from contravox.objectives.checks import check_labelled, check_not_negative, check_positive
from contravox.objectives.negatives import negative_log_sums, tile_of
from contravox.objectives.objective import Objective, ObjectiveSettings, Site
from contravox.objectives.positives import over_blocks, positive_blocks, rows, similarities
from contravox.objectives.segments import Segments
from contravox.objectives.unit_vectors import unit_vectors
from contravox.precision import full_precision
from contravox.settings import Positive


@full_precision
def nt_xent_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    temperature: float = 0.07,
    margin: float = 0.0,
    tile: int | None = None,
) -> Tensor:
    """NT-Xent of embeddings (N, d) with labels (N,), a speaker's or an utterance's: a scalar.

    The mean over ordered positive pairs (i, p) of
    −log [exp ℓ_ip / (exp ℓ_ip + Σ_{a∈N(i)} exp ℓ_ia)], ℓ_ij = cos(θ_ij)/temperature: Chen et al.
    2020 (arXiv 2002.05709, equation 1). Unlike in SupCon the other positives of an anchor are not
    among its negatives; with two segments of every label the two losses are equal. Zero if the
    batch has no positive pair.

    margin: taken from the cosine of positive pairs, ℓ_ip = (cos(θ_ip) − margin)/temperature:
    Lepage and Dehak 2023 and 2024 (arXiv 2306.03664, 2404.14913).
    tile: anchors compared with all segments at a time, chosen by N unless given; the loss is the
    same, the memory O(N·d + tile·N).

    Raises ValueError for shapes that disagree, embeddings that are not finite, a temperature or a
    tile that is not positive, or a negative margin.
    """
    check_labelled(embeddings, labels)
    check_positive("temperature", temperature)
    check_not_negative("margin", margin)
    tile = tile_of(embeddings, tile)
    blocks = positive_blocks(labels, most=tile * len(labels))
    if not blocks:
        return embeddings.sum() * 0
    # Of length 1/√temperature, so that an inner product is a logit.
    vectors = unit_vectors(embeddings, 1 / math.sqrt(temperature))
    negatives = negative_log_sums(vectors, labels, tile=tile)

    def losses(anchors: Tensor, contrasts: Tensor) -> Tensor:
        """The sum over p of anchors (B, r) with their own label's contrasts (B, s)."""
        logits = similarities(vectors, anchors, contrasts) - margin / temperature
        itself = anchors[:, :, None] == contrasts[:, None]
        return (
            F.softplus(rows(negatives, anchors)[:, :, None] - logits)
            .masked_fill(itself, 0)
            .sum(dim=2)
        )

    pairs = sum(anchors.numel() * (contrasts.shape[1] - 1) for anchors, contrasts in blocks)
    return over_blocks(losses, blocks, most=tile * len(labels)).sum() / pairs


class NtXentSettings(ObjectiveSettings):
    """temperature divides the cosines; margin is taken from those of positive pairs."""

    name: Literal["nt_xent"] = "nt_xent"
    temperature: Positive = 0.07
    margin: float = Field(default=0.0, ge=0, le=2)

    def build(self, site: Site) -> "NtXent":
        return NtXent(self)


class NtXent(Objective[NtXentSettings]):
    """``nt_xent_loss`` of the encoder's embedding, or of other ``vectors`` of its segments."""

    def forward(self, segments: Segments, vectors: Tensor | None = None) -> Tensor:
        vectors = segments.embeddings if vectors is None else vectors
        return nt_xent_loss(
            vectors,
            segments.labels,
            temperature=self.settings.temperature,
            margin=self.margin_share * self.settings.margin,
        )
