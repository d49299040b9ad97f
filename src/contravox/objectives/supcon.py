"""Supervised contrastive loss, with an angular margin and class-aware attention."""

import math
from functools import partial
from typing import Literal, get_args

import torch
from pydantic import Field
from torch import Tensor

from contravox.errors import RecipeError
from contravox.objectives.angular_margin import add_angular_margin
from contravox.objectives.checks import (
    check_angle,
    check_attention,
    check_choice,
    check_labelled,
    check_positive,
)
from contravox.objectives.class_attention import (
    AttentionForm,
    AttentionOn,
    AttentionScale,
    ClassAttentionSettings,
    attention_means,
    class_attention,
    log_attention,
)
from contravox.objectives.negatives import negative_log_sums, tile_of
from contravox.objectives.objective import Objective, ObjectiveSettings, Site
from contravox.objectives.positives import over_blocks, positive_blocks, rows, similarities
from contravox.objectives.segments import Segments
from contravox.objectives.unit_vectors import unit_vectors
from contravox.precision import full_precision
from contravox.settings import Positive


@full_precision
def supcon_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    temperature: float = 0.07,
    margin: float = 0.0,
    attention: Tensor | None = None,
    attention_form: AttentionForm = "weight",
    attention_on: AttentionOn = "negatives",
    attention_scale: AttentionScale = "relative",
    tile: int | None = None,
) -> Tensor:
    """Supervised contrastive loss of embeddings (N, d) with labels (N,): a scalar.

    L_i = −1/|P(i)| Σ_{p∈P(i)} (ℓ_ip − log Σ_{j≠i} exp ℓ_ij), the "out" form of Khosla et al. 2020
    (arXiv 2004.11362, equation 2), and the mean of L_i over the anchors that have a positive; zero
    if none has. ℓ_ij = cos(θ_ij)/temperature, on positive pairs cos(θ_ij + margin)/temperature
    (Li et al. 2022, arXiv 2210.16636), margin in radians.

    attention (N,), of values from 0 to 1, attends a pair by A_ij = min(a_i, a_j) (Li, Mak and Meng
    2023, arXiv 2210.16622) with the attention_scale "absolute"; "relative" divides A_ij by its mean
    over the negatives of i, which then count 1 on average, whatever the number of speakers. The
    form "weight" counts exp ℓ_ij A_ij times, ℓ_ij + log A_ij; the form "logit" takes A_ij·ℓ_ij.
    Either replaces ℓ_ij wherever it stands, for the pairs named by attention_on.

    tile: anchors compared with all segments at a time, chosen by N unless given; the loss is the
    same, the memory O(N·d + tile·N).

    Raises ValueError for shapes that disagree, embeddings that are not finite, attention that is
    negative or not finite, a temperature or a tile that is not positive, or a margin outside 0 to
    π/2.
    """
    check_labelled(embeddings, labels)
    check_positive("temperature", temperature)
    check_angle("margin", margin)
    if attention is not None:
        check_attention(attention, labels)
    check_choice("attention_form", attention_form, get_args(AttentionForm))
    check_choice("attention_on", attention_on, get_args(AttentionOn))
    check_choice("attention_scale", attention_scale, get_args(AttentionScale))
    # The positive pairs of labels of like size, in blocks as large as a tile.
    tile = tile_of(embeddings, tile)
    blocks = positive_blocks(labels, most=tile * len(labels))
    if not blocks:
        return embeddings.sum() * 0
    # Of length 1/√temperature, so that an inner product is a logit.
    vectors = unit_vectors(embeddings, 1 / math.sqrt(temperature))
    # By what the attention of an anchor's pairs is divided.
    of_anchors = None
    if attention is not None and attention_scale == "relative":
        # Above zero, so that an anchor whose attention is lost in rounding attends all alike.
        attention = attention.clamp(min=torch.finfo(torch.float32).tiny)
        of_anchors = attention_means(attention, labels, tile)
    # log Σ_{n∈N(i)} exp ℓ_in, of all tiles; positive pairs, few and with a margin, are added below.
    negatives = negative_log_sums(
        vectors,
        labels,
        attention=attention,
        attention_form=attention_form,
        means=of_anchors,
        tile=tile,
    )

    def losses(anchors: Tensor, contrasts: Tensor) -> Tensor:
        """L_i of anchors (B, r) with their own label's contrasts (B, s)."""
        logits = similarities(vectors, anchors, contrasts)
        if margin:
            logits = add_angular_margin(logits * temperature, margin) / temperature
        if attention is not None and attention_on == "all":
            pairs = torch.minimum(attention[anchors][:, :, None], attention[contrasts][:, None])
            if of_anchors is not None:
                pairs = pairs / of_anchors[anchors][:, :, None]
            by_weight = attention_form == "weight"
            logits = logits + log_attention(pairs) if by_weight else logits * pairs
        # log Σ_{p∈P(i)} exp ℓ_ip and the mean of ℓ_ip, without the anchor itself.
        itself = anchors[:, :, None] == contrasts[:, None]
        log_sums = logits.masked_fill(itself, -torch.inf).logsumexp(dim=2)
        means = logits.masked_fill(itself, 0).sum(dim=2) / (contrasts.shape[1] - 1)
        return torch.logaddexp(rows(negatives, anchors), log_sums) - means

    return over_blocks(losses, blocks, most=tile * len(labels)).mean()


class SupConSettings(ObjectiveSettings):
    """margin in radians, on positive pairs; attention needs a classifier in the same recipe."""

    name: Literal["supcon"] = "supcon"
    temperature: Positive = 0.07
    margin: float = Field(default=0.0, ge=0, le=math.pi / 2)
    attention: ClassAttentionSettings | None = None

    def build(self, site: Site) -> "SupCon":
        return SupCon(self, site)


class SupCon(Objective[SupConSettings]):
    """``supcon_loss`` of the encoder's embedding. RecipeError if attention lacks a classifier."""

    def __init__(self, settings: SupConSettings, site: Site) -> None:
        super().__init__(settings)
        if settings.attention is not None and site.class_vectors is None:
            raise RecipeError(
                "attention needs a classifier in the same recipe: add an aam_softmax objective"
            )
        self.class_vectors = site.class_vectors

    def forward(self, segments: Segments, vectors: Tensor | None = None) -> Tensor:
        """The loss of the embedding, or of other ``vectors`` (N, d) of the same segments.

        Attention always looks at the embedding: the prototypes live in its space.
        """
        loss = partial(
            supcon_loss,
            segments.embeddings if vectors is None else vectors,
            segments.labels,
            temperature=self.settings.temperature,
            margin=self.margin_share * self.settings.margin,
        )
        settings = self.settings.attention
        if settings is None or self.class_vectors is None:
            return loss()
        attention = class_attention(
            segments.embeddings,
            segments.labels,
            self.class_vectors(),
            sigma=settings.sigma,
            differentiate=settings.differentiate,
        )
        return loss(
            attention=attention,
            attention_form=settings.form,
            attention_on=settings.on,
            attention_scale=settings.scale,
        )
