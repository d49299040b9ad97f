"""How much less a hard negative counts than an easy one under class-aware attention.

    python benchmarks/attention.py

A batch of simulated segments around random class vectors: an easy one is at cosine 0.7 to its own
speaker; a hard negative at 0.5 to its own and 0.5 to the anchor's, who is an easy one. What is
compared is a negative's pull, the derivative of the anchor's loss by their cosine, with attention
and without. A cell says the factor of the easy negatives' pull over that of the hard ones', and in
brackets how much of all negatives' pull together is left.
"""

import itertools

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor

from contravox.objectives.class_attention import AttentionForm, AttentionScale
from contravox.objectives.functional import class_attention

EMBEDDING_SIZE = 192
SPEAKERS = (55, 1211, 2793)
"""Of the split of AN4, of VoxCeleb1 dev and of CN-Celeb dev."""
SIGMAS = (0.05, 0.1, 0.18, 0.3, 1.0)
FORMS: tuple[AttentionForm, ...] = ("weight", "logit")
SCALES: tuple[AttentionScale, ...] = ("relative", "absolute")
EASY, HARD = 1000, 24
"""Negatives of the anchor."""
OWN_COSINE, TORN_COSINE = 0.7, 0.5
TEMPERATURE = 0.07


def segments(
    prototypes: Tensor, own: Tensor, other: Tensor, cosines: tuple[float, float | None]
) -> Tensor:
    """Unit vectors (n, d) at set cosines to the class vectors of two speakers, (n,) each.

    The second cosine may be None: whatever it is by chance.
    """
    chosen = prototypes[torch.stack([own, other], dim=1)]  # (n, 2, d)
    wanted = torch.tensor([cosines[0], cosines[1] or 0.0], dtype=torch.float64)
    if cosines[1] is None:
        chosen, wanted = chosen[:, :1], wanted[:1]
    gram = chosen @ chosen.mT
    along = torch.linalg.solve(gram, wanted.expand(len(own), -1)[..., None]).mT @ chosen
    noise = torch.randn(len(own), 1, prototypes.shape[1], dtype=torch.float64)
    across = noise - torch.linalg.solve(gram, chosen @ noise.mT).mT @ chosen
    across = across / across.norm(dim=2, keepdim=True)
    return (along + across * (1 - along.square().sum(dim=2, keepdim=True)).sqrt()).squeeze(1)


def batch(speakers: int) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings, labels and class vectors: an anchor and its positive, then EASY, then HARD."""
    prototypes = torch.randn(speakers, EMBEDDING_SIZE, dtype=torch.float64)
    prototypes = prototypes / prototypes.norm(dim=1, keepdim=True)
    others = 1 + torch.arange(EASY + HARD) % (speakers - 1)
    anchor = torch.zeros_like(others)
    easy = torch.cat([anchor[:2], others[:EASY]])
    embeddings = torch.cat(
        [
            segments(prototypes, easy, easy, (OWN_COSINE, None)),
            segments(prototypes, others[EASY:], anchor[EASY:], (TORN_COSINE, TORN_COSINE)),
        ]
    )
    return embeddings, torch.cat([easy, others[EASY:]]), prototypes


def pulls(cosines: Tensor, factors: Tensor | None, form: AttentionForm) -> Tensor:
    """The derivatives of the anchor's loss by its cosines with negatives (n,), from the equation.

    cosines: (1 + n,), the positive's first. factors: A_ij (n,), or None for no attention.
    """
    cosines = cosines.clone().requires_grad_()
    logits = cosines / TEMPERATURE
    if factors is not None:
        negatives = logits[1:] + factors.log() if form == "weight" else logits[1:] * factors
        logits = torch.cat([logits[:1], negatives])
    loss = logits.logsumexp(dim=0) - logits[0]
    return torch.autograd.grad(loss, cosines)[0][1:]


def compare(speakers: int, sigma: float, form: AttentionForm, scale: AttentionScale) -> str:
    """A cell of the table."""
    torch.manual_seed(0)
    embeddings, labels, prototypes = batch(speakers)
    attention = class_attention(embeddings, labels, prototypes, sigma=sigma)
    factors = torch.minimum(attention[0], attention[2:])
    if scale == "relative":
        factors = factors / factors.mean()
    cosines = embeddings[1:] @ embeddings[0]
    plain, attended = pulls(cosines, None, form), pulls(cosines, factors, form)
    change = attended / plain
    easy_over_hard = change[:EASY].mean() / change[EASY:].mean()
    return f"{easy_over_hard:,.3g} ({100 * attended.sum() / plain.sum():.3g} %)"


def main() -> None:
    """Print the table."""
    table = Table("scale", "form", "σ", *(f"K = {k:,}" for k in SPEAKERS), box=SIMPLE_HEAD)
    for scale, form, sigma in itertools.product(SCALES, FORMS, SIGMAS):
        cells = (compare(speakers, sigma, form, scale) for speakers in SPEAKERS)
        table.add_row(scale, form, f"{sigma:g}", *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
