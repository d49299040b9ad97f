"""The contestants of ``objectives.py`` and their inputs.

A contestant takes the inputs of its question and returns the loss, which the benchmark
differentiates; contestants of one question compute the same loss, and their tables show its value
and the length of its gradient. What is not installed is written down here, step for step as its
authors compute it, without the accuracies they report beside the loss. The matrix products compute
no loss: they are what any exact method has to multiply, and return None.
"""

import functools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from contravox.objectives.functional import (
    aam_softmax_loss,
    angular_contrastive_loss,
    supcon_loss,
    uniformity_loss,
)

EMBEDDING_SIZE = 192
CLASSES = 1211
"""Speakers of VoxCeleb1's development part."""
TEMPERATURE = 0.07
MARGIN = 0.2
SCALE = 30.0
T = 2.0
BLOCK_ROWS = 512
"""Rows of the blocks of ``pair_products``, which are fast and stay small."""


# Inputs, from the number N of segments in the batch.


def labelled(size: int, segments: int = 2) -> tuple[Tensor, Tensor]:
    """Embeddings (N, d) and labels (N,), so many segments of each in no order."""
    embeddings = torch.randn(size, EMBEDDING_SIZE, requires_grad=True)
    return embeddings, (torch.arange(size) // segments)[torch.randperm(size)]


def attended(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings (N, d), labels (N,) in pairs and attention (N,)."""
    return *labelled(size), torch.rand(size)


def two_views(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings (N/2, 2, d) of two views of every sample, and the learned w and b."""
    embeddings = torch.randn(size // 2, 2, EMBEDDING_SIZE, requires_grad=True)
    return (
        embeddings,
        torch.tensor(10.0, requires_grad=True),
        torch.tensor(-5.0, requires_grad=True),
    )


def classified(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings (N, d), labels (N,) and prototypes (K, d)."""
    embeddings = torch.randn(size, EMBEDDING_SIZE, requires_grad=True)
    prototypes = torch.randn(CLASSES, EMBEDDING_SIZE, requires_grad=True)
    return embeddings, torch.randint(CLASSES, (size,)), prototypes


def square_matrices(size: int) -> tuple[Tensor, Tensor]:
    """Two matrices (N, N)."""
    return torch.randn(size, size), torch.randn(size, size)


# Supervised contrastive loss.


def plain_supcon(embeddings: Tensor, labels: Tensor) -> Tensor:
    """SupCon as one writes it from the equation, on the matrix of all pairs."""
    units = F.normalize(embeddings)
    logits = units @ units.T / TEMPERATURE
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positive = (labels[:, None] == labels) & ~itself
    log_sums = logits.masked_fill(itself, -torch.inf).logsumexp(dim=1, keepdim=True)
    log_probabilities = torch.where(positive, logits - log_sums, 0)
    return -(log_probabilities.sum(dim=1) / positive.sum(dim=1)).mean()


@torch.no_grad()
def pair_products(embeddings: Tensor, labels: Tensor) -> None:
    """The products of a loss of all pairs that keeps no N × N matrix.

    The logits, the logits again for the backward pass, and their gradient times the embeddings on
    either side: 8·N²·d operations, in blocks of rows.
    """
    gradient = torch.zeros_like(embeddings)
    block = embeddings.new_empty(min(BLOCK_ROWS, len(embeddings)), len(embeddings))
    for start in range(0, len(embeddings), BLOCK_ROWS):
        rows = embeddings[start : start + BLOCK_ROWS]
        logits = block[: len(rows)]
        torch.mm(rows, embeddings.T, out=logits)
        torch.mm(rows, embeddings.T, out=logits)
        gradient[start : start + BLOCK_ROWS].addmm_(logits, embeddings)
        gradient.addmm_(logits.T, rows)


@functools.cache
def _compiled() -> Callable[[Tensor, Tensor], Tensor]:
    return torch.compile(functools.partial(supcon_loss, temperature=TEMPERATURE))


def compiled_supcon(embeddings: Tensor, labels: Tensor) -> Tensor:
    """contravox's SupCon through ``torch.compile``."""
    return _compiled()(embeddings, labels)


def unattended_supcon(embeddings: Tensor, labels: Tensor, attention: Tensor) -> Tensor:
    """contravox's SupCon with neither margin nor attention."""
    return supcon_loss(embeddings, labels, temperature=TEMPERATURE)


def attended_supcon(embeddings: Tensor, labels: Tensor, attention: Tensor) -> Tensor:
    """contravox's SupCon with both."""
    return supcon_loss(
        embeddings, labels, temperature=TEMPERATURE, margin=MARGIN, attention=attention
    )


# Uniformity and angular contrastive loss.


def contravox_equilibrium(embeddings: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Contrastive equilibrium learning by contravox's two functions."""
    return uniformity_loss(embeddings, t=T) + angular_contrastive_loss(embeddings, w, b)


def plain_equilibrium(embeddings: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """The same as one writes it with matrix products."""
    first, second = F.normalize(embeddings, dim=2).unbind(dim=1)
    upper = tuple(torch.triu_indices(len(first), len(first), offset=1, device=first.device))
    uniformity = torch.stack(
        [(T * (2 * (units @ units.T)[upper] - 2)).exp().mean().log() for units in (first, second)]
    ).mean()
    similarities = w * (first @ second.T) + b
    own = torch.arange(len(first), device=first.device)
    contrast = F.cross_entropy(similarities, own) + F.cross_entropy(similarities.T, own)
    return uniformity + contrast / 2


def public_equilibrium(embeddings: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """As the public code of CEL computes it (msh9184/contrastive-equilibrium-learning at a62cd97).

    SpeakerNet.py normalises each view; loss/uniform.py ("PoN") takes pairwise distances and loss/
    anglecontrast.py cosine similarities by broadcasting, with (N/2, d, N/2) numbers on the way.
    """
    first, second = (F.normalize(view, p=2.0, dim=1) for view in embeddings.unbind(dim=1))
    densities = [
        torch.pdist(view, p=2).pow(2).mul(-T).exp().mean().log() for view in (first, second)
    ]
    uniformity = (densities[0] + densities[1]) / 2
    cosines = F.cosine_similarity(second.unsqueeze(2), first.unsqueeze(2).transpose(0, 2))
    own = torch.arange(len(first), device=first.device)
    forwards = F.cross_entropy(cosines * w + b, own)
    backwards = F.cross_entropy(cosines.transpose(0, 1) * w + b, own)
    return uniformity + (forwards + backwards) / 2


# AAM-softmax.


def contravox_aam_softmax(embeddings: Tensor, labels: Tensor, prototypes: Tensor) -> Tensor:
    """contravox's AAM-softmax."""
    return aam_softmax_loss(embeddings, labels, prototypes, margin=MARGIN, scale=SCALE)


def wespeaker_aam_softmax(embeddings: Tensor, labels: Tensor, prototypes: Tensor) -> Tensor:
    """As WeSpeaker computes it (wespeaker/models/projections.py at dfa7419, ArcMarginProduct).

    The margin on every cosine, chosen by a one-hot matrix, then cross-entropy.
    """
    cosines = F.linear(F.normalize(embeddings), F.normalize(prototypes))
    sines = torch.sqrt(1.0 - torch.pow(cosines, 2))
    moved = cosines * math.cos(MARGIN) - sines * math.sin(MARGIN)
    threshold = math.cos(math.pi - MARGIN)
    moved = torch.where(cosines > threshold, moved, cosines - (1.0 + threshold))
    own = embeddings.new_zeros(cosines.size())
    own.scatter_(1, labels.view(-1, 1).long(), 1)
    logits = (own * moved) + ((1.0 - own) * cosines)
    logits *= SCALE
    return F.cross_entropy(logits, labels)


def speechbrain_aam_softmax(embeddings: Tensor, labels: Tensor, prototypes: Tensor) -> Tensor:
    """As SpeechBrain computes it (speechbrain/nnet/losses.py at 9c826ef, LogSoftmaxWrapper).

    As WeSpeaker's with cosines kept off ±1, then the Kullback–Leibler divergence from the one-hot
    matrix.
    """
    cosines = F.linear(F.normalize(embeddings), F.normalize(prototypes))
    own = F.one_hot(labels.long(), len(prototypes)).float()
    cosines = torch.clamp(cosines.float(), -1 + 1e-7, 1 - 1e-7)
    sines = torch.sqrt(1.0 - torch.pow(cosines, 2))
    moved = cosines * math.cos(MARGIN) - sines * math.sin(MARGIN)
    threshold = math.cos(math.pi - MARGIN)
    lowered = cosines - math.sin(math.pi - MARGIN) * MARGIN
    moved = torch.where(cosines > threshold, moved, lowered)
    logits = SCALE * ((own * moved) + ((1.0 - own) * cosines))
    divergence = F.kl_div(F.log_softmax(logits, dim=1), own, reduction="sum")
    return divergence / own.sum()


@torch.no_grad()
def class_products(embeddings: Tensor, labels: Tensor, prototypes: Tensor) -> None:
    """The products of a softmax over classes: the logits and two gradients, 6·N·K·d operations."""
    logits = embeddings @ prototypes.T
    embeddings_gradient = logits @ prototypes
    prototypes_gradient = logits.T @ embeddings
    del embeddings_gradient, prototypes_gradient


@torch.no_grad()
def matrix_product(left: Tensor, right: Tensor) -> None:
    """One product of square matrices, 2·N³ operations: the machine's matrix peak."""
    left @ right
