import math

import pytest
import torch
from pytorch_metric_learning.losses import NPairsLoss

from contravox.objectives.n_pairs import NPairsSettings, n_pairs_loss
from contravox.objectives.objective import Site

LABELS = torch.tensor([7, -2, 7, 4, 4, 7, 9, -2])
PAIRS = [(1, 7), (3, 4), (0, 2)]
"""The first two of each label that has two."""


@pytest.mark.parametrize("normalise", [False, True])
def test_equals_the_slow_version(normalise, vectors):
    given = embeddings = vectors(8, 3)
    if normalise:
        embeddings = embeddings / embeddings.norm(dim=1, keepdim=True)
    losses = []
    for anchor, positive in PAIRS:
        products = {p: (embeddings[anchor] @ embeddings[p]).item() for _, p in PAIRS}
        total = sum(math.exp(product) for product in products.values())
        losses.append(math.log(total) - products[positive])
    value = n_pairs_loss(given, LABELS, normalise=normalise)
    assert value.item() == pytest.approx(sum(losses) / 3)


def test_equals_pytorch_metric_learning(vectors):
    embeddings = vectors(8, 3)
    value = n_pairs_loss(embeddings, LABELS, normalise=True)
    torch.testing.assert_close(value, NPairsLoss()(embeddings, LABELS))


def test_gradient(vectors):
    assert torch.autograd.gradcheck(
        lambda x: n_pairs_loss(x, LABELS), vectors(8, 3).requires_grad_()
    )


def test_without_a_pair_it_is_zero(vectors):
    embeddings = vectors(3, 4).requires_grad_()
    loss = n_pairs_loss(embeddings, torch.arange(3))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros(3, 4, dtype=torch.float64))


def test_module(vectors, segments_of):
    segments, other = segments_of(vectors(8, 5), LABELS.tolist()), vectors(8, 3, seed=1)
    for normalise in (False, True):
        module = NPairsSettings(normalise=normalise).build(Site(5, (), 4))
        for value, given in [
            (module(segments), segments.embeddings),
            (module(segments, other), other),
        ]:
            torch.testing.assert_close(value, n_pairs_loss(given, LABELS, normalise=normalise))
