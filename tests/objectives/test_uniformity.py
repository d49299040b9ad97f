import math
from itertools import combinations

import pytest
import torch

from contravox.objectives.objective import Site
from contravox.objectives.uniformity import UniformitySettings, uniformity_loss

KINDS = ["within_views", "negatives", "all"]


def log_mean(embeddings, pairs, t):
    terms = [math.exp(-t * ((embeddings[a] - embeddings[b]) ** 2).sum().item()) for a, b in pairs]
    return math.log(sum(terms) / len(terms))


@pytest.mark.parametrize("tile", [None, 1, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("shape", "t"), [((4, 2, 3), 2.0), ((3, 3, 5), 0.5), ((5, 1, 4), 2.0)])
def test_equals_the_slow_version(kind, shape, t, tile, vectors):
    embeddings = vectors(*shape)
    units = embeddings / embeddings.norm(dim=2, keepdim=True)
    places = [(i, v) for i in range(shape[0]) for v in range(shape[1])]
    pairs = list(combinations(places, 2))
    if kind == "within_views":
        by_view = [[p for p in pairs if p[0][1] == p[1][1] == v] for v in range(shape[1])]
        expected = sum(log_mean(units, kept, t) for kept in by_view) / shape[1]
    elif kind == "negatives":
        expected = log_mean(units, [p for p in pairs if p[0][0] != p[1][0]], t)
    else:
        expected = log_mean(units, pairs, t)
    value = uniformity_loss(embeddings, t=t, pairs=kind, tile=tile).item()
    assert value == pytest.approx(expected, rel=1e-6)


def test_by_hand():
    # Opposite ends: squared distance 4; everything in one place: distance 0.
    opposite = torch.tensor([[[1.0, 0.0]], [[-3.0, 0.0]]])
    assert uniformity_loss(opposite, t=2.0).item() == pytest.approx(-8)
    assert uniformity_loss(torch.ones(6, 2, 3)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("tile", [None, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient(kind, tile, vectors):
    embeddings = vectors(4, 2, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: uniformity_loss(x, pairs=kind, tile=tile), embeddings)


@pytest.mark.parametrize("kind", KINDS)
def test_order_and_lengths_do_not_count(kind, vectors):
    embeddings = vectors(4, 2, 3)
    value = uniformity_loss(embeddings, pairs=kind)
    changed = embeddings[[2, 0, 3, 1]].flip(1)
    changed[1, 0] *= 1e4
    torch.testing.assert_close(uniformity_loss(changed, pairs=kind), value)


@pytest.mark.parametrize("kind", ["within_views", "negatives"])
def test_without_a_pair_it_is_zero_with_a_gradient_of_zero(kind, vectors):
    embeddings = vectors(1, 2, 3).requires_grad_()
    loss = uniformity_loss(embeddings, pairs=kind)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros(1, 2, 3, dtype=torch.float64))


def test_refuses_wrong_arguments():
    with pytest.raises(ValueError, match=r"embeddings: .*\(4, 3\)"):
        uniformity_loss(torch.ones(4, 3))
    with pytest.raises(ValueError, match="t: must be positive"):
        uniformity_loss(torch.ones(4, 2, 3), t=0.0)
    with pytest.raises(ValueError, match=r"pairs: must be one of within_views, .* got 'views'"):
        uniformity_loss(torch.ones(4, 2, 3), pairs="views")


def test_module_groups_views(vectors, segments_of):
    embeddings = vectors(6, 3)
    module = UniformitySettings(t=1.5, pairs="within_views").build(Site(5, (), 4))
    value = module(segments_of(embeddings, [8, 2, 5, 5, 2, 8], views=[1, 0, 1, 0, 1, 0]))
    first, second = embeddings[[1, 3, 5]], embeddings[[4, 2, 0]]
    expected = uniformity_loss(torch.stack([first, second], dim=1), t=1.5)
    torch.testing.assert_close(value, expected)
