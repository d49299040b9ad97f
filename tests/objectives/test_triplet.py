import pytest
import torch
from pytorch_metric_learning.losses import TripletMarginLoss

from contravox.objectives.objective import Site
from contravox.objectives.triplet import TripletSettings, triplet_loss

LABELS = torch.tensor([7, -2, 7, 4, 4, 7, 9, -2])


KINDS = [(mining, squared) for mining in ("hardest", "all") for squared in (True, False)]


@pytest.mark.parametrize(("mining", "squared"), KINDS)
@pytest.mark.parametrize("margin", [0.05, 0.2, 2.0])
def test_equals_the_slow_version(margin, mining, squared, vectors):
    embeddings, labels = vectors(8, 3), LABELS.tolist()
    units = embeddings / embeddings.norm(dim=1, keepdim=True)
    losses = []
    for i in range(8):
        distances = [((units[i] - unit) ** 2).sum().item() for unit in units]
        if not squared:
            distances = [distance**0.5 for distance in distances]
        positives = [distances[p] for p in range(8) if p != i and labels[p] == labels[i]]
        negatives = [distances[a] for a in range(8) if labels[a] != labels[i]]
        if mining == "hardest" and positives:
            losses.append(max(0.0, max(positives) - min(negatives) + margin))
        elif mining == "all":
            each = [p - a + margin for p in positives for a in negatives]
            losses.extend(loss for loss in each if loss > 0)
    expected = sum(losses) / len(losses)
    value = triplet_loss(embeddings, LABELS, margin=margin, mining=mining, squared=squared)
    assert value.item() == pytest.approx(expected)


@pytest.mark.parametrize("size", [8, 200])
def test_all_triplets_are_those_of_pytorch_metric_learning(size, vectors):
    # In float32, as in training; it takes distances, a margin of 0.05 and the mean of the non-zero.
    embeddings, labels = vectors(size, 3).float(), torch.arange(size) // 3
    expected = TripletMarginLoss()(embeddings, labels)
    value = triplet_loss(embeddings, labels, margin=0.05, mining="all", squared=False)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize(("mining", "squared"), KINDS)
def test_gradient(mining, squared, vectors):
    embeddings = vectors(8, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: triplet_loss(x, LABELS, margin=1.0, mining=mining, squared=squared), embeddings
    )


def test_triplets_that_are_far_enough_count_for_nothing():
    # One pair at right angles to the other: no loss with a margin of 1, and no mean of nothing.
    embeddings = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]], requires_grad=True)
    loss = triplet_loss(embeddings, torch.tensor([0, 0, 1, 1]), margin=1.0, mining="all")
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros(4, 2))


@pytest.mark.parametrize("mining", ["hardest", "all"])
@pytest.mark.parametrize("labels", [[0, 1, 2], [5, 5, 5]])
def test_without_positives_or_without_negatives_it_is_zero(labels, mining, vectors):
    embeddings = vectors(3, 4).requires_grad_()
    loss = triplet_loss(embeddings, torch.tensor(labels), mining=mining)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros(3, 4, dtype=torch.float64))


def test_module(vectors, segments_of):
    segments = segments_of(vectors(8, 5), LABELS.tolist())
    settings = TripletSettings(margin=0.7, mining="all", squared=False)
    module, other = settings.build(Site(5, (), 4)), vectors(8, 3, seed=1)
    kind = {"margin": 0.7, "mining": "all", "squared": False}
    expected = triplet_loss(segments.embeddings, LABELS, **kind)
    torch.testing.assert_close(module(segments), expected)
    expected = triplet_loss(other, LABELS, **kind)
    torch.testing.assert_close(module(segments, other), expected)


def test_refuses_wrong_arguments():
    with pytest.raises(ValueError, match="mining: must be one of hardest, all, got 'some'"):
        triplet_loss(torch.ones(2, 3), torch.tensor([0, 0]), mining="some")
    with pytest.raises(ValueError, match="margin: must not be negative"):
        triplet_loss(torch.ones(2, 3), torch.tensor([0, 0]), margin=-0.1)
