"""Supervised contrastive loss, with an angular margin and class-aware attention."""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from contravox.data.batch import Batch
from contravox.encoders.encoder import EncoderOutput
from contravox.errors import RecipeError
from contravox.objectives.angular_margin import add_angular_margin
from contravox.objectives.class_attention import ClassAttentionSettings, class_attention
from contravox.objectives.positives import mean_over_anchors, positive_pairs
from contravox.objectives.precision import full_precision
from contravox.objectives.shapes import check_labelled, check_positive, shape
from contravox.objectives.unit_vectors import unit_vectors
from contravox.settings import Settings


@full_precision
def supcon_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    temperature: float = 0.07,
    margin: float = 0.0,
    attention: Tensor | None = None,
    attention_form: Literal["weight", "logit"] = "weight",
    attention_on: Literal["negatives", "all"] = "negatives",
) -> Tensor:
    """Supervised contrastive loss of embeddings (N, d) with labels (N,): a scalar.

    L_i = −1/|P(i)| Σ_{p∈P(i)} (ℓ_ip − log Σ_{j≠i} exp ℓ_ij), the "out" form of Khosla et al. 2020
    (arXiv 2004.11362, equation 2), and the mean of L_i over the anchors that have a positive; zero
    if none has. ℓ_ij = cos(θ_ij)/temperature, on positive pairs cos(θ_ij + margin)/temperature
    (Li et al. 2022, arXiv 2210.16636), margin in radians.

    attention (N,), of values from 0 to 1, attends a pair by A_ij = min(a_i, a_j) (Li, Mak and Meng
    2023, arXiv 2210.16622): the form "weight" counts exp ℓ_ij A_ij times, ℓ_ij + log A_ij; the form
    "logit" takes A_ij·ℓ_ij. Either replaces ℓ_ij wherever it stands, for the pairs named by
    attention_on.

    Raises ValueError for shapes that disagree, a temperature that is not positive or a margin
    outside 0 to π/2.
    """
    check_labelled(embeddings, labels)
    check_positive("temperature", temperature)
    positive = positive_pairs(labels)
    units = unit_vectors(embeddings)
    cosines = units @ units.T
    if margin:
        # Positives are few: moving only their cosines takes half the time of moving all.
        moved = add_angular_margin(cosines[positive], margin)
        cosines = cosines.masked_scatter(positive, moved)
    logits = cosines / temperature
    if attention is not None:
        if attention.shape != labels.shape:
            raise ValueError(f"attention: {shape(labels)} expected, got {shape(attention)}")
        attended = _attend(logits, attention, attention_form)
        logits = attended if attention_on == "all" else torch.where(positive, logits, attended)
    # The most negative number and not -inf, so that a batch of one segment stays finite.
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    log_sums = logits.masked_fill(itself, torch.finfo(logits.dtype).min).logsumexp(dim=1)
    counts = positive.sum(dim=1)
    positive_means = torch.where(positive, logits, 0).sum(dim=1) / counts.clamp(min=1)
    return mean_over_anchors(log_sums - positive_means, counts > 0)


def _attend(logits: Tensor, attention: Tensor, form: Literal["weight", "logit"]) -> Tensor:
    """Logits (N, N) as attention (N,) changes them."""
    if form == "logit":
        return logits * torch.minimum(attention[:, None], attention)
    # Kept above zero so that a pair nobody attends has a finite logarithm.
    logarithm = attention.clamp(min=torch.finfo(torch.float32).tiny).log()
    return logits + torch.minimum(logarithm[:, None], logarithm)


class SupConSettings(Settings):
    """margin in radians, on positive pairs; attention needs a classifier in the same recipe."""

    name: Literal["supcon"] = "supcon"
    weight: float = Field(default=1.0, ge=0)
    temperature: float = Field(default=0.07, gt=0)
    margin: float = Field(default=0.0, ge=0, le=math.pi / 2)
    attention: ClassAttentionSettings | None = None


class SupCon(nn.Module):
    """``supcon_loss`` of the encoder's embedding.

    class_vectors gives the prototypes of the classifier that attention asks; they stay the
    classifier's, so they are not registered here. RecipeError if attention is set without them.
    """

    def __init__(
        self, settings: SupConSettings, class_vectors: Callable[[], Tensor] | None = None
    ) -> None:
        super().__init__()
        if settings.attention is not None and class_vectors is None:
            raise RecipeError(
                "attention needs a classifier in the same recipe: add an aam_softmax objective"
            )
        self.temperature = settings.temperature
        self.margin = self.full_margin = settings.margin
        self.attention = settings.attention
        self.class_vectors = class_vectors

    def forward(self, output: EncoderOutput, batch: Batch, vectors: Tensor | None = None) -> Tensor:
        """The loss of the embedding, or of other ``vectors`` (N, d) of the same segments.

        Attention always looks at the embedding: the prototypes live in its space.
        """
        loss = partial(
            supcon_loss,
            output.embedding if vectors is None else vectors,
            batch.labels,
            temperature=self.temperature,
            margin=self.margin,
        )
        if self.attention is None or self.class_vectors is None:
            return loss()
        attention = class_attention(
            output.embedding,
            batch.labels,
            self.class_vectors(),
            sigma=self.attention.sigma,
            differentiate=self.attention.differentiate,
        )
        return loss(
            attention=attention,
            attention_form=self.attention.form,
            attention_on=self.attention.on,
        )
