"""NT-Xent: each positive pair against the negatives of its anchor."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from contravox.data.batch import Batch
from contravox.encoders.encoder import EncoderOutput
from contravox.objectives.positives import positive_pairs
from contravox.objectives.precision import full_precision
from contravox.objectives.shapes import check_labelled, check_positive
from contravox.objectives.unit_vectors import unit_vectors
from contravox.settings import Settings


@full_precision
def nt_xent_loss(embeddings: Tensor, labels: Tensor, *, temperature: float = 0.07) -> Tensor:
    """NT-Xent of embeddings (N, d) with labels (N,), a speaker's or an utterance's: a scalar.

    The mean over ordered positive pairs (i, p) of
    −log [exp ℓ_ip / (exp ℓ_ip + Σ_{a∈N(i)} exp ℓ_ia)], ℓ_ij = cos(θ_ij)/temperature: Chen et al.
    2020 (arXiv 2002.05709, equation 1). Unlike in SupCon the other positives of an anchor are not
    among its negatives; with two segments of every label the two losses are equal. Zero if the
    batch has no positive pair.

    Raises ValueError for shapes that disagree or a temperature that is not positive.
    """
    check_labelled(embeddings, labels)
    check_positive("temperature", temperature)
    units = unit_vectors(embeddings)
    logits = units @ units.T / temperature
    same = labels[:, None] == labels
    # The most negative number and not -inf, so that an anchor without negatives stays finite.
    negatives = logits.masked_fill(same, torch.finfo(logits.dtype).min).logsumexp(dim=1)
    losses = torch.logaddexp(logits, negatives[:, None]) - logits
    positive = positive_pairs(labels)
    return torch.where(positive, losses, 0).sum() / positive.sum().clamp(min=1)


class NtXentSettings(Settings):
    """temperature divides the cosines."""

    name: Literal["nt_xent"] = "nt_xent"
    weight: float = Field(default=1.0, ge=0)
    temperature: float = Field(default=0.07, gt=0)


class NtXent(nn.Module):
    """``nt_xent_loss`` of the encoder's embedding, or of other ``vectors`` of its segments."""

    def __init__(self, settings: NtXentSettings) -> None:
        super().__init__()
        self.temperature = settings.temperature

    def forward(self, output: EncoderOutput, batch: Batch, vectors: Tensor | None = None) -> Tensor:
        vectors = output.embedding if vectors is None else vectors
        return nt_xent_loss(vectors, batch.labels, temperature=self.temperature)
