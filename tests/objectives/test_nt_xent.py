import math

import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss

from contravox.objectives.nt_xent import NtXentSettings, nt_xent_loss
from contravox.objectives.objective import Site
from contravox.objectives.supcon import supcon_loss

LABELS = torch.tensor([7, -2, 7, 4, 4, 7, 9, -2])


@pytest.mark.parametrize("tile", [None, 1, 3])
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_equals_the_slow_version(margin, tile, vectors, cosine):
    embeddings, labels = vectors(8, 5), LABELS.tolist()
    losses = []
    for i in range(8):
        terms = [math.exp(cosine(embeddings[i], other) / 0.07) for other in embeddings]
        negatives = sum(terms[a] for a in range(8) if labels[a] != labels[i])
        positives = [
            terms[p] * math.exp(-margin / 0.07)
            for p in range(8)
            if p != i and labels[p] == labels[i]
        ]
        losses += [-math.log(positive / (positive + negatives)) for positive in positives]
    value = nt_xent_loss(embeddings, LABELS, temperature=0.07, margin=margin, tile=tile)
    assert value.item() == pytest.approx(sum(losses) / len(losses), rel=1e-6)


def test_equals_pytorch_metric_learning(vectors):
    embeddings = vectors(8, 5)
    expected = NTXentLoss(temperature=0.3)(embeddings, LABELS).item()
    value = nt_xent_loss(embeddings, LABELS, temperature=0.3).item()
    assert value == pytest.approx(expected, rel=1e-6)


def test_two_of_every_label_is_supcon(vectors):
    embeddings, labels = vectors(8, 5), torch.tensor([3, 1, 2, 0, 0, 1, 2, 3])
    torch.testing.assert_close(nt_xent_loss(embeddings, labels), supcon_loss(embeddings, labels))


@pytest.mark.parametrize("tile", [None, 3])
def test_gradient(tile, vectors):
    embeddings = vectors(8, 5).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: nt_xent_loss(x, LABELS, temperature=0.5, margin=0.2, tile=tile), embeddings
    )


@pytest.mark.parametrize("labels", [[0, 1, 2], [5, 5, 5]])
def test_without_positives_or_without_negatives_it_is_zero(labels, vectors):
    embeddings = vectors(3, 4).requires_grad_()
    loss = nt_xent_loss(embeddings, torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros(3, 4, dtype=torch.float64))


def test_a_margin_asks_for_more(vectors):
    embeddings = vectors(8, 5)
    losses = [nt_xent_loss(embeddings, LABELS, margin=m).item() for m in (0.0, 0.1, 0.4)]
    assert losses[0] < losses[1] < losses[2]
    with pytest.raises(ValueError, match="margin: must not be negative"):
        nt_xent_loss(embeddings, LABELS, margin=-0.1)


def test_module(vectors, segments_of):
    segments = segments_of(vectors(8, 5), LABELS.tolist())
    settings = NtXentSettings(temperature=0.2, margin=0.1)
    module, other = settings.build(Site(5, (), 4)), vectors(8, 3, seed=1)
    expected = nt_xent_loss(segments.embeddings, LABELS, temperature=0.2, margin=0.1)
    torch.testing.assert_close(module(segments), expected)
    expected = nt_xent_loss(other, LABELS, temperature=0.2, margin=0.1)
    torch.testing.assert_close(module(segments, other), expected)
