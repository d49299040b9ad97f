import pytest
import torch

from contravox.objectives.triplet import Triplet, TripletSettings, triplet_loss

LABELS = torch.tensor([7, -2, 7, 4, 4, 7, 9, -2])


@pytest.mark.parametrize("margin", [0.2, 2.0])
def test_equals_the_slow_version(margin, vectors):
    embeddings, labels = vectors(8, 3), LABELS.tolist()
    units = embeddings / embeddings.norm(dim=1, keepdim=True)
    losses = []
    for i in range(8):
        distances = [((units[i] - unit) ** 2).sum().item() for unit in units]
        positives = [distances[p] for p in range(8) if p != i and labels[p] == labels[i]]
        negatives = [distances[a] for a in range(8) if labels[a] != labels[i]]
        if positives:
            losses.append(max(0.0, max(positives) - min(negatives) + margin))
    expected = sum(losses) / len(losses)
    assert triplet_loss(embeddings, LABELS, margin=margin).item() == pytest.approx(expected)


def test_gradient(vectors):
    embeddings = vectors(8, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: triplet_loss(x, LABELS, margin=1.0), embeddings)


@pytest.mark.parametrize("labels", [[0, 1, 2], [5, 5, 5]])
def test_without_positives_or_without_negatives_it_is_zero(labels, vectors):
    embeddings = vectors(3, 4).requires_grad_()
    loss = triplet_loss(embeddings, torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros(3, 4, dtype=torch.float64))


def test_module(vectors, segments_of):
    segments = segments_of(vectors(8, 5), LABELS.tolist())
    module, other = Triplet(TripletSettings(margin=0.7)), vectors(8, 3, seed=1)
    expected = triplet_loss(segments.embeddings, LABELS, margin=0.7)
    torch.testing.assert_close(module(segments), expected)
    expected = triplet_loss(other, LABELS, margin=0.7)
    torch.testing.assert_close(module(segments, other), expected)


def test_refuses_a_negative_margin():
    with pytest.raises(ValueError, match="margin: must not be negative"):
        triplet_loss(torch.ones(2, 3), torch.tensor([0, 0]), margin=-0.1)
