"""The losses that find a sample by its other views: angular contrastive, prototypical, GE2E."""

import math

import pytest
import torch

from contravox.errors import RecipeError
from contravox.objectives.angular_contrastive import (
    AngularContrastiveSettings,
    angular_contrastive_loss,
)
from contravox.objectives.ge2e import Ge2eSettings, ge2e_loss
from contravox.objectives.objective import Site
from contravox.objectives.prototypical import (
    AngularPrototypicalSettings,
    PrototypicalSettings,
    angular_prototypical_loss,
    prototypical_loss,
)

W, B = 4.0, -1.0
SITE = Site(3, (), 5)


def cross_entropy(logits, own):
    return math.log(sum(math.exp(logit) for logit in logits)) - logits[own]


def slow_angular_contrastive(x, cosine):
    n = len(x)
    losses = []
    for i in range(n):
        losses.append(cross_entropy([W * cosine(x[i, 0], x[j, 1]) + B for j in range(n)], i))
        losses.append(cross_entropy([W * cosine(x[j, 0], x[i, 1]) + B for j in range(n)], i))
    return sum(losses) / len(losses)


def slow_angular_prototypical(x, cosine):
    n, last = len(x), x.shape[1] - 1
    prototypes = [sum(x[j, v] for v in range(last)) / last for j in range(n)]
    losses = [
        cross_entropy([W * cosine(x[i, last], prototypes[j]) + B for j in range(n)], i)
        for i in range(n)
    ]
    return sum(losses) / n


def of_unit_support(x, w, b):
    return angular_prototypical_loss(x, w, b, unit_support=True)


def slow_of_unit_support(x, cosine):
    return slow_angular_prototypical(x / x.norm(dim=2, keepdim=True), cosine)


def slow_prototypical(x, cosine):
    n, last = len(x), x.shape[1] - 1
    prototypes = [sum(x[j, v] for v in range(last)) / last for j in range(n)]
    losses = [
        cross_entropy([-((x[i, last] - c) ** 2).sum().item() for c in prototypes], i)
        for i in range(n)
    ]
    return sum(losses) / n


def slow_ge2e(x, cosine):
    n, views, _ = x.shape
    units = x / x.norm(dim=2, keepdim=True)
    losses = []
    for j in range(n):
        for i in range(views):
            logits = []
            for k in range(n):
                kept = [units[k, v] for v in range(views) if (k, v) != (j, i)]
                logits.append(W * cosine(units[j, i], sum(kept) / len(kept)) + B)
            losses.append(cross_entropy(logits, j))
    return sum(losses) / len(losses)


def plain_prototypical(x, w, b):
    return prototypical_loss(x)


def tiled_angular_contrastive(x, w, b):
    return angular_contrastive_loss(x, w, b, tile=3)


CASES = [
    (angular_contrastive_loss, slow_angular_contrastive, (4, 2, 3)),
    (tiled_angular_contrastive, slow_angular_contrastive, (5, 2, 3)),
    (angular_prototypical_loss, slow_angular_prototypical, (4, 2, 3)),
    (angular_prototypical_loss, slow_angular_prototypical, (3, 4, 5)),
    (of_unit_support, slow_of_unit_support, (3, 4, 5)),
    (plain_prototypical, slow_prototypical, (4, 2, 3)),
    (plain_prototypical, slow_prototypical, (3, 4, 5)),
    (ge2e_loss, slow_ge2e, (4, 2, 3)),
    (ge2e_loss, slow_ge2e, (3, 4, 5)),
]


@pytest.mark.parametrize(("loss", "slow", "shape"), CASES)
def test_equals_the_slow_version(loss, slow, shape, vectors, cosine):
    embeddings = vectors(*shape)
    value = loss(embeddings, W, B).item()
    assert value == pytest.approx(slow(embeddings, cosine), rel=1e-6)


@pytest.mark.parametrize(("loss", "slow", "shape"), CASES)
def test_gradient(loss, slow, shape, vectors):
    w, b = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (W, B))
    assert torch.autograd.gradcheck(loss, (vectors(*shape).requires_grad_(), w, b))


@pytest.mark.parametrize(("loss", "slow", "shape"), CASES)
def test_order_of_samples_does_not_count(loss, slow, shape, vectors):
    embeddings = vectors(*shape)
    order = torch.randperm(len(embeddings), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss(embeddings[order], W, B), loss(embeddings, W, B))


@pytest.mark.parametrize("loss", [angular_contrastive_loss, angular_prototypical_loss, ge2e_loss])
def test_lengths_do_not_count(loss, vectors):
    embeddings = vectors(4, 2, 3)
    longer = embeddings.clone()
    longer[1, 0] *= 1e4
    torch.testing.assert_close(loss(longer, W, B), loss(embeddings, W, B))


def test_lengths_of_more_views_count_but_for_unit_support(vectors):
    embeddings = vectors(4, 3, 3)
    longer = embeddings.clone()
    longer[1, 0] *= 1e4
    change = angular_prototypical_loss(longer, W, B) - angular_prototypical_loss(embeddings, W, B)
    assert change.abs() > 1e-3
    torch.testing.assert_close(of_unit_support(longer, W, B), of_unit_support(embeddings, W, B))
    # Of two views there is no mean.
    two = vectors(4, 2, 3)
    torch.testing.assert_close(of_unit_support(two, W, B), angular_prototypical_loss(two, W, B))


def test_angular_contrastive_is_the_prototypical_one_both_ways(vectors):
    embeddings = vectors(4, 2, 3)
    both = [angular_prototypical_loss(x, W, B) for x in (embeddings, embeddings.flip(1))]
    torch.testing.assert_close(angular_contrastive_loss(embeddings, W, B), sum(both) / 2)


def test_refuse_wrong_arguments():
    for loss in (angular_contrastive_loss, angular_prototypical_loss, ge2e_loss):
        with pytest.raises(ValueError, match=r"embeddings: .*\(4, 1, 3\)"):
            loss(torch.ones(4, 1, 3), W, B)
        with pytest.raises(ValueError, match="w: must be positive"):
            loss(torch.ones(4, 2, 3), torch.tensor(0.0), B)
    with pytest.raises(ValueError, match=r"embeddings: .*\(4, 3, 3\)"):
        angular_contrastive_loss(torch.ones(4, 3, 3), W, B)
    with pytest.raises(ValueError, match=r"embeddings: .*\(4, 3\)"):
        prototypical_loss(torch.ones(4, 3))


@pytest.mark.parametrize(
    ("module", "loss"),
    [
        (AngularContrastiveSettings().build(SITE), angular_contrastive_loss),
        (AngularPrototypicalSettings().build(SITE), angular_prototypical_loss),
        (Ge2eSettings().build(SITE), ge2e_loss),
        (PrototypicalSettings().build(SITE), plain_prototypical),
    ],
)
def test_modules_group_views_and_start_at_10_and_minus_5(module, loss, vectors, segments_of):
    embeddings = vectors(6, 3).requires_grad_()
    value = module(segments_of(embeddings, [4, 4, 1, 0, 1, 0]))
    grouped = embeddings[[3, 5, 2, 4, 0, 1]].reshape(3, 2, 3)
    torch.testing.assert_close(value, loss(grouped, 10.0, -5.0))
    value.backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    if loss is not plain_prototypical:
        assert module.scale.raw_w.grad.abs() > 0


def test_modules_refuse_batches_without_enough_views(vectors, segments_of):
    embeddings = vectors(3, 3)
    prototypical = AngularPrototypicalSettings(unit_support=True).build(SITE)
    others = AngularContrastiveSettings(), Ge2eSettings(), PrototypicalSettings()
    for module in (prototypical, *(each.build(SITE) for each in others)):
        with pytest.raises(RecipeError, match="2 segments of every speaker, but a batch has 1"):
            module(segments_of(embeddings, [0, 1, 2]))
    with pytest.raises(RecipeError, match="needs 2 segments of every speaker, but a batch has 3"):
        AngularContrastiveSettings().build(SITE)(segments_of(embeddings, [0, 0, 0]))
